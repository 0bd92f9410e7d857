"""The lexical model with its vocabulary: what the words of a text or a motion are asked of.

Shapes: V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.errors import LampError
from lamp_core.io.kept import kept
from lamp_core.lamp.prompt import losses
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import REMEDY, LexicalIndex
from lamp_core.lexical.training_words import training_words
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.windows import whole_motion_weights
from lamp_core.lexical.words import Vocabulary, stop_words
from lamp_core.metrics.captions import caption_words
from lamp_core.remarks import remark
from lamp_core.training.model_files import WEIGHTS
from lamp_core.training.tensor_files import digest

MODEL = "lexical_contrast"


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

    def embed(self, motions: Sequence[np.ndarray]) -> np.ndarray:
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
