"""Exact search in dense vectors.

Shapes: N items, V width of the vectors; those of some models have more than one axis.
"""

from collections.abc import Callable

import numpy as np

from lamp_core.errors import LampError
from lamp_core.indexes.index import Found, Groups, Numbered

Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A query and the vectors (N, ...) of items to their scores (N,)."""


def products(query_V: np.ndarray, vectors_NV: np.ndarray) -> np.ndarray:
    """The products (N,) of vectors with a query."""
    found_N: np.ndarray = vectors_NV @ query_V
    return found_N


def sized(shape: tuple[int, ...]) -> str:
    """The numbers of a vector, for people."""
    return " x ".join(map(str, shape))


class DenseIndex(Numbered):
    """Exact search in vectors without words.

    Args:
        width: of the vectors; those that are added first say it, and their shape, without it.
    """

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        self.shape: tuple[int, ...] | None = None if width is None else (width,)
        self.parts: list[np.ndarray] = []

    def add(self, vectors_NV: np.ndarray) -> range:
        """Add items."""
        shape = vectors_NV.shape[1:]
        if self.shape is None:
            self.shape = shape
        if shape != self.shape:
            raise LampError(f"vectors of {sized(shape)} do not fit an index of {sized(self.shape)}")
        # Copied: those of a file are read-only, which torch takes with a warning.
        self.parts.append(np.array(vectors_NV, dtype=np.float32, order="C"))
        return self._count(len(vectors_NV))

    def rows(self) -> np.ndarray:
        """The vectors of all items, also of removed ones."""
        return np.concatenate(self.parts) if self.parts else np.zeros((0, *(self.shape or ())), np.float32)

    def search(
        self, query_V: np.ndarray, top: int, without: Groups = (), *, similarity: Similarity = products
    ) -> list[Found]:
        """The best items, also those that point away from the query; there are no words to go without.

        Args:
            query_V: what `similarity` compares with the items.
            top: how many.
            without: none.
            similarity: their products with the query, or what a model says.
        """
        if without:
            raise LampError("dense vectors have no words to exclude; search a lexical index")
        found = [similarity(query_V, part) for part in self.parts]
        scores_N = np.concatenate(found or [np.zeros(0, np.float32)])
        scores_N[self.removed_N] = -np.inf
        count = min(top, len(self))
        places = np.argpartition(-scores_N, count - 1)[:count] if count else np.zeros(0, dtype=int)
        order = np.lexsort((places, -scores_N[places]))
        return [Found(int(place), float(scores_N[place])) for place in places[order]]
