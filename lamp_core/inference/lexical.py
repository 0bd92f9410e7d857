"""Search and explanation by words, with the lexical model below a project's data folder.

Shapes: T frames, D feature numbers a frame, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.motion_file import ARRAY, BVH, FeatureSpace, Gate, read_features, read_motion
from lamp_core.errors import LampError
from lamp_core.io.folders import files_below, has_ending
from lamp_core.io.kept import kept
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import REMEDY, LexicalHit, LexicalIndex
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.words import Vocabulary, WeightedWord, readable, split_words, stop_words
from lamp_core.metrics.captions import caption_words
from lamp_core.remarks import remark

MODEL, INDEX = "lexical_contrast", "lexical_index"
BATCH_FILES = 64


@dataclass(frozen=True)
class Lexicon:
    """The lexical model with its vocabulary.

    Args:
        vectors: of the model.
        data: the project's data folder.
    """

    vectors: LexicalVectors
    data: Path

    @classmethod
    def load(cls, data: Path, device: torch.device | None = None) -> "Lexicon":
        """Load what the stage `lexical_contrast` wrote.

        Raises:
            LampError: it has not run, or its vectors are dense.
        """
        return kept((data.resolve(), cls, device), [data / MODEL], lambda: cls._read(data, device))

    @classmethod
    def _read(cls, data: Path, device: torch.device | None) -> "Lexicon":
        model, tokenizer = load_lexical(data / MODEL)
        if not model.is_lexical:
            raise LampError(
                f"{data / MODEL} has dense vectors, which have no words; set {MODEL}.representation"
            )
        return cls(LexicalVectors(model.to(device or torch.device("cpu")), tokenizer), data)

    @property
    def vocabulary(self) -> Vocabulary:
        """Its words."""
        return Vocabulary.of(self.vectors.tokenizer)

    def new_index(self, most_terms: int) -> LexicalIndex:
        """An empty index with this vocabulary; words in several pieces are those of the train split."""
        features = FeatureSet.load(self.data / "features")
        places = features.of_split("train")
        captions = (caption.text for place in places for caption in features.captions[place])
        return LexicalIndex(self.vocabulary, split_words(self.vectors.tokenizer, captions), most_terms)

    def query(self, text: str) -> np.ndarray:
        """The unit vector (V,) of a text.

        Raises:
            LampError: it is empty, or has only stop words, or only words that the vocabulary lacks.
        """
        words = caption_words(text)
        if not words:
            raise LampError("the text is empty; say what the person does")
        content = [word for word in words if word not in stop_words()]
        if not content:
            raise LampError(f"{text!r} has only words that say nothing of a motion; say what the person does")
        if not any(self._is_known(word) for word in content):
            raise LampError(f"no word of {text!r} is known to the text encoder: {', '.join(content)}")
        found_V: np.ndarray = units(self.vectors.text_weights([text]))[0]
        return found_V

    def require(self, index: LexicalIndex, folder: Path) -> None:
        """Raise where an index has another vocabulary than the model."""
        if index.vocabulary != self.vocabulary:
            raise LampError(f"the index in {folder} has another vocabulary than the model; {REMEDY}")

    def _is_known(self, word: str) -> bool:
        pieces = self.vectors.tokenizer.pieces.encode(word, add_special_tokens=False).tokens
        return any(self.vocabulary.is_term_V[self.vocabulary.numbers[piece]] for piece in pieces)


def index_folder(data: Path, folder: Path | None) -> Path:
    """The index that is asked for, or that of the test split."""
    return folder or data / INDEX


def build_index(
    data: Path, motions: Path, folder: Path, most_terms: int, gate: Gate | None = None
) -> LexicalIndex:
    """Index all motions (.npy, .bvh) below a folder; what cannot be read is said and left out.

    Raises:
        LampError: there is no motion that can be read, or as `Lexicon.load`.
    """
    if not motions.is_dir():
        raise LampError(f"there is no folder {motions}")
    names = [name for name, _ in files_below(motions) if has_ending(name, ARRAY, BVH)]
    if not names:
        raise LampError(f"{motions} has no motion; motions are read from .npy and .bvh")
    lexicon = Lexicon.load(data)
    index = lexicon.new_index(most_terms)
    _add(lexicon, index, {name: motions / name for name in names}, gate)
    index.save(folder)
    return index


def add_to_index(data: Path, folder: Path, files: Sequence[Path], gate: Gate | None = None) -> LexicalIndex:
    """Add motion files to an index, by their names as they are given; LampError as `build_index`."""
    lexicon, index = Lexicon.load(data), LexicalIndex.load(folder)
    lexicon.require(index, folder)
    _add(lexicon, index, {str(file): file for file in files}, gate)
    index.save(folder)
    return index


def remove_from_index(folder: Path, names: Sequence[str]) -> LexicalIndex:
    """Take motions out of an index; LampError where one is not there."""
    index = LexicalIndex.load(folder)
    index.remove(names)
    index.save(folder)
    return index


def _add(lexicon: Lexicon, index: LexicalIndex, files: dict[str, Path], gate: Gate | None) -> None:
    space = FeatureSpace.load(lexicon.data / "features")
    taken: dict[str, np.ndarray] = {}
    for name, path in files.items():
        try:
            features_TD = read_features(path, space, gate)
        except LampError as fault:
            remark(f"left out: {fault}")
            continue
        taken[name] = np.asarray(space.statistics.normalise(features_TD), dtype=np.float32)
    if not taken:
        raise LampError(f"none of the {len(files)} motions can be used")
    names = list(taken)
    for start in range(0, len(names), BATCH_FILES):
        part = names[start : start + BATCH_FILES]
        weights_NV = lexicon.vectors.motion_weights([taken[name] for name in part])
        index.add(part, [""] * len(part), weights_NV)


def search_words(data: Path, text: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index whose words are those of a text.

    Raises:
        LampError: as `Lexicon.query`, or the index is not there, damaged, or of another vocabulary.
    """
    lexicon, place = Lexicon.load(data), index_folder(data, folder)
    query_V = lexicon.query(text)
    index = LexicalIndex.load(place)
    lexicon.require(index, place)
    return index.search(query_V, top)


def search_keywords(data: Path, keywords: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index that have keywords (``run:2,-jump``); needs no model.

    Raises:
        LampError: as `Keywords.query`, or the index is not there or damaged.
    """
    index = LexicalIndex.load(index_folder(data, folder))
    query = index.keywords.query(keywords)
    return index.search(query.weights_V, top, query.without, query.together)


def search_like(
    data: Path, path: Path, top: int, folder: Path | None = None, gate: Gate | None = None
) -> list[LexicalHit]:
    """The motions of an index whose words are those of a motion in a file; LampError as `search_words`."""
    lexicon, place = Lexicon.load(data), index_folder(data, folder)
    motion_TD = read_motion(path, data / "features", gate)
    index = LexicalIndex.load(place)
    lexicon.require(index, place)
    return index.search(units(lexicon.vectors.motion_weights([motion_TD]))[0], top)


def explain(data: Path, path: Path, top: int, gate: Gate | None = None) -> list[WeightedWord]:
    """The words of the motion in a file with their weights, the heaviest first.

    Raises:
        LampError: the file cannot be used, or as `Lexicon.load`.
    """
    lexicon = Lexicon.load(data)
    weights_V = lexicon.vectors.motion_weights([read_motion(path, data / "features", gate)])[0]
    terms = np.flatnonzero(weights_V)
    joined = lexicon.new_index(top).joined
    return readable(lexicon.vocabulary, terms.tolist(), weights_V[terms].tolist(), joined)[:top]
