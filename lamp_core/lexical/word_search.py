"""Search by words, and indexes for it, with the lexical model below a project's data folder.

Shapes: T frames, D feature numbers a frame, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.motion_file import ARRAY, BVH, FeatureSpace, Gate, read_features, read_motion
from lamp_core.errors import LampError
from lamp_core.indexes.dense_gallery import DenseGallery
from lamp_core.indexes.named_motions import DENSE, NamedMotions
from lamp_core.inference.dense import DenseEncoder
from lamp_core.io.file_lock import alone_in
from lamp_core.io.folders import files_below, has_ending
from lamp_core.io.kept import kept
from lamp_core.lamp.prompt import losses
from lamp_core.lexical.batches import in_parts
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import ITEMS, REMEDY, LexicalHit, LexicalIndex
from lamp_core.lexical.training_words import training_words
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.windows import whole_motion_weights
from lamp_core.lexical.words import Vocabulary, stop_words
from lamp_core.metrics.captions import caption_words
from lamp_core.remarks import remark
from lamp_core.training.log import OnProgress
from lamp_core.training.model_files import WEIGHTS
from lamp_core.training.tensor_files import digest

Embedding = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Normalised motions to their vectors."""
MODEL, INDEX = "lexical_contrast", "lexical_index"
BATCH_FILES = 64


@dataclass(frozen=True)
class Lexicon:
    """The lexical model with its vocabulary.

    Args:
        vectors: of the model.
        data: the project's data folder.
        model: hash of the model's weights.
    """

    vectors: LexicalVectors
    data: Path
    model: str

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
        vectors = LexicalVectors(model.to(device or torch.device("cpu")), tokenizer)
        return cls(vectors, data, digest(data / MODEL / WEIGHTS))

    @property
    def vocabulary(self) -> Vocabulary:
        """Its words."""
        return Vocabulary.of(self.vectors.tokenizer)

    @property
    def joined(self) -> dict[tuple[int, ...], str]:
        """Words in several pieces, by these: those of the train split's captions."""
        features, tokenizer = self.data / "features", self.vectors.tokenizer
        return kept(
            (self.data.resolve(), training_words),
            [features, self.data / MODEL],
            lambda: training_words(tokenizer, features),
        )

    def new_index(self, most_terms: int) -> LexicalIndex:
        """An empty index of this model."""
        return LexicalIndex(self.vocabulary, self.joined, most_terms, model=self.model)

    def weights(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """(N, V) of normalised motions of any length, not normalised."""
        return whole_motion_weights(self.vectors, motions)

    def query(self, text: str) -> np.ndarray:
        """The unit vector (V,) of a text; words of it that are unknown or not read are said.

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
        for line in losses(self.vectors.tokenizer, text):
            remark(line)
        found_V: np.ndarray = units(self.vectors.text_weights([text]))[0]
        return found_V

    def require(self, index: LexicalIndex, folder: Path) -> None:
        """Raise where an index has another vocabulary than the model, or is of another training."""
        if index.vocabulary != self.vocabulary:
            raise LampError(f"the index in {folder} has another vocabulary than the model; {REMEDY}")
        if index.model and index.model != self.model:
            raise LampError(f"the index in {folder} is of another training of the model; {REMEDY}")

    def _is_known(self, word: str) -> bool:
        pieces = self.vectors.tokenizer.pieces.encode(word, add_special_tokens=False).tokens
        return any(self.vocabulary.is_term_V[self.vocabulary.numbers[piece]] for piece in pieces)


def index_folder(data: Path, folder: Path | None) -> Path:
    """The index that is asked for, or that of the test split."""
    return folder or data / INDEX


def own_index(data: Path, folder: Path | None) -> Path:
    """The folder of an index that may be changed.

    Raises:
        LampError: it is that of the test split, which is the stage's alone: what would be added to it, the
            stage's next run takes away.
    """
    if folder is None or folder.resolve() == (data / INDEX).resolve():
        raise LampError(
            f"the index of the test split ({data / INDEX}) is written by the stage {INDEX}, which would undo "
            f"the change; name one of your own with --index INDEX: a copy of that folder, or what "
            f"`lamp index build` makes"
        )
    return folder


def build_index(
    data: Path,
    motions: Path,
    folder: Path,
    most_terms: int,
    gate: Gate | None = None,
    on_progress: OnProgress | None = None,
    *,
    dense: bool = False,
    model: str | None = None,
) -> NamedMotions:
    """Index all motions (.npy, .bvh) below a folder; what cannot be read is said and left out.

    Args:
        data: the project's data folder.
        motions: folder of motions.
        folder: of the index.
        most_terms: words that are kept of a motion.
        gate: how files are read.
        on_progress: called as motions are done.
        dense: by the vectors of a model that compares texts and motions, in place of words.
        model: name of that model; the first that is trained without it.

    Raises:
        LampError: there is no motion that can be read, the folder has an index of the other kind, or as
            `Lexicon.load`, `DenseEncoder.load` and `own_index`.
    """
    folder = own_index(data, folder)
    if (folder / (ITEMS if dense else DENSE)).exists():
        raise LampError(f"{folder} has an index of the other kind; name another folder with --index INDEX")
    if not motions.is_dir():
        raise LampError(f"there is no folder {motions}")
    names = [name for name, _ in files_below(motions) if has_ending(name, ARRAY, BVH)]
    if not names:
        raise LampError(f"{motions} has no motion; motions are read from .npy and .bvh")
    index: NamedMotions
    index = DenseEncoder.load(data, model).new_index() if dense else Lexicon.load(data).new_index(most_terms)
    files = {name: motions / name for name in names}
    _embed(data, _embedding(data, index, folder), index, files, gate, on_progress)
    with alone_in(folder):
        index.save(folder)
    return index


def add_to_index(
    data: Path,
    folder: Path,
    files: Sequence[Path],
    gate: Gate | None = None,
    on_progress: OnProgress | None = None,
) -> NamedMotions:
    """Add motion files to an index, by their names as they are given; one that is given twice is added once.

    Raises:
        LampError: a file is in the index already, whatever it is called there, or as `build_index`.
    """
    kind = kind_of(own_index(data, folder))
    index = kind.load(folder)
    given = {file.resolve(): file for file in reversed(files)}
    whole = {str(file): str(path) for path, file in reversed(given.items())}
    embedding = _embedding(data, index, folder)
    index.require_new(whole)  # before the work, and again after it
    made = index.empty()
    _embed(data, embedding, made, {name: Path(name) for name in whole}, gate, on_progress)
    with kind.changing(folder) as changed:
        _embedding(data, changed, folder)
        changed.require_new({name: whole[name] for name in made.names})
        changed.take(made)
    return changed


def remove_from_index(data: Path, folder: Path, names: Sequence[str]) -> NamedMotions:
    """Take motions out of an index; LampError where one is not there, or as `own_index`."""
    with kind_of(own_index(data, folder)).changing(folder) as index:
        index.remove(names)
    return index


def kind_of(folder: Path) -> type[NamedMotions]:
    """Of dense vectors where a folder has some, else of words."""
    return DenseGallery if (folder / DENSE).exists() else LexicalIndex


def _embedding(data: Path, index: NamedMotions, folder: Path) -> Embedding:
    """What makes an index's vectors of motions; LampError where the index is of another model."""
    if isinstance(index, DenseGallery):
        encoder = DenseEncoder.load(data, index.model)
        encoder.require(index, folder)
        return encoder.embed
    assert isinstance(index, LexicalIndex)
    lexicon = Lexicon.load(data)
    lexicon.require(index, folder)
    return lexicon.weights


def _embed(
    data: Path,
    embedding: Embedding,
    index: NamedMotions,
    files: dict[str, Path],
    gate: Gate | None,
    on_progress: OnProgress | None,
) -> None:
    """Add motion files to an index in memory, some at a time; what cannot be read is said and left out."""
    space, names = FeatureSpace.load(data / "features"), list(files)
    for part in in_parts(len(files), BATCH_FILES):
        taken: dict[str, np.ndarray] = {}
        for name in (names[place] for place in part):
            try:
                features_TD = read_features(files[name], space, gate)
            except LampError as fault:
                remark(f"left out: {fault}")
                continue
            taken[name] = np.asarray(space.statistics.normalise(features_TD), dtype=np.float32)
        if taken:
            paths = [str(files[name].resolve()) for name in taken]
            index.add(list(taken), [""] * len(taken), embedding(list(taken.values())), paths)
        if on_progress is not None:
            on_progress(int(part[-1]) + 1, len(files), "")
    if not len(index):
        raise LampError(f"none of the {len(files)} motions can be used")


def _read_index(data: Path, folder: Path | None) -> LexicalIndex:
    """An index to search in; it stays in memory until a file of it changes."""
    place = index_folder(data, folder)
    return kept((place.resolve(), LexicalIndex), [place], lambda: LexicalIndex.load(place))


def _lexicon_and_index(data: Path, folder: Path | None) -> tuple[Lexicon, LexicalIndex]:
    """The model and an index of it; LampError as `Lexicon.load`, `LexicalIndex.load`, `Lexicon.require`."""
    lexicon, index = Lexicon.load(data), _read_index(data, folder)
    lexicon.require(index, index_folder(data, folder))
    return lexicon, index


def search_words(data: Path, text: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index whose words are those of a text.

    Raises:
        LampError: as `Lexicon.query`, or the index is not there, damaged, or of another model.
    """
    LexicalIndex.require(index_folder(data, folder))  # what it is not decides before the model is read
    query_V = Lexicon.load(data).query(text)
    _, index = _lexicon_and_index(data, folder)
    return index.search(query_V, top)


def search_keywords(data: Path, keywords: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index that have keywords (``run:2,-jump``); needs no model.

    Raises:
        LampError: as `Keywords.query`, or the index is not there or damaged.
    """
    index = _read_index(data, folder)
    query = index.keywords.query(keywords)
    return index.search(query.weights_V, top, query.without, query.together)


def search_like(
    data: Path, path: Path, top: int, folder: Path | None = None, gate: Gate | None = None
) -> list[LexicalHit]:
    """The motions of an index whose words are those of a motion in a file; LampError as `search_words`."""
    lexicon, index = _lexicon_and_index(data, folder)
    motion_TD = read_motion(path, data / "features", gate)
    return index.search(units(lexicon.weights([motion_TD]))[0], top)
