"""Search in an index of dense vectors, by any trained model that compares texts and motions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.errors import LampError
from lamp_core.evaluation.cache import folder_digest
from lamp_core.indexes.dense_gallery import REMEDY, DenseGallery
from lamp_core.inference.models import loaded, say_what_is_lost
from lamp_core.io.kept import kept
from lamp_core.io.text import require_words
from lamp_core.retrieval.gallery import Hit
from lamp_core.systems.capabilities import SIMILARITY, Compares
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import chosen_model


@dataclass(frozen=True)
class DenseEncoder:
    """A model with which a dense index is made and searched.

    Args:
        comparing: the model.
        name: of it.
        weights: hash of what it is made of.
    """

    comparing: Compares
    name: str
    weights: str

    @classmethod
    def load(cls, data: Path, name: str | None = None) -> "DenseEncoder":
        """The model of this name, or the first that compares texts and motions; LampError as `loaded`."""
        model = chosen_model(MODELS, data, SIMILARITY, name)
        digest = folder_digest(*(data / stage for stage in model.made_of))
        return cls(loaded(data, SIMILARITY, model.name), model.name, digest)

    def new_index(self) -> DenseGallery:
        """An empty index of this model."""
        return DenseGallery(self.name, self.weights)

    def embed(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors (N, ...) of normalised motions; longer ones are cut to the model's longest."""
        return self.comparing.embed_motions(motions)

    def similarity(self, text: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """How similar motions (N, ...) are to the vector of one text (1, ...)."""
        scores_N: np.ndarray = self.comparing.similarity(text, vectors)[0]
        return scores_N

    def require(self, index: DenseGallery, folder: Path) -> None:
        """Raise where an index is of another training of the model."""
        if index.weights != self.weights:
            raise LampError(f"the index in {folder} is of another training of {self.name}; {REMEDY}")


def search_dense(data: Path, text: str, top: int, folder: Path) -> list[Hit]:
    """The motions of a dense index most similar to a text.

    Raises:
        LampError: an empty text, no such index, or one of a model that is not there or was trained anew.
    """
    require_words(text)
    index = kept((folder.resolve(), DenseGallery), [folder], lambda: DenseGallery.load(folder))
    encoder = DenseEncoder.load(data, index.model)
    encoder.require(index, folder)
    say_what_is_lost(encoder.comparing, text)
    return index.search(encoder.comparing.embed_texts([text]), top, encoder.similarity)
