"""What indexes of every kind share: what is asked of one, what it finds, and items by their numbers.

Shapes: N items, V vocabulary or width of dense vectors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from lamp_core.errors import LampError

Groups = Sequence[tuple[int, ...]]
"""Words that stand together: the pieces of one."""


@dataclass(frozen=True)
class Found:
    """One place of a ranking.

    Args:
        item: number of the item, in the order in which items were added.
        score: more is more similar.
        shares: what each of the query's numbers gives to the score; empty for dense vectors.
        together: what each group of numbers gives that the query asks for together.
    """

    item: int
    score: float
    shares: dict[int, float] = field(default_factory=dict)
    together: dict[tuple[int, ...], float] = field(default_factory=dict)


class Index(Protocol):
    """What is searched: vectors that come and go."""

    removed_N: np.ndarray
    """Which of all items that were ever added are found no more."""

    def __len__(self) -> int:
        """Items that can be found."""

    def add(self, vectors_NV: Any) -> range:
        """Add items, and return their numbers."""

    def rows(self) -> Any:
        """The vectors of all items, as they are added again."""

    def remove(self, items: Iterable[int]) -> None:
        """Let items not be found any more; LampError for one that is not there."""

    def search(self, query_V: np.ndarray, top: int, without: Groups = ()) -> list[Found]:
        """The items with the largest products with the query, best first.

        Of a sparse index only those that share a word with the query, so that it may give fewer than are
        asked for; of a dense one as many as there are, whatever their product: two vectors always have one.

        Args:
            query_V: weights of words, or a dense vector.
            top: how many.
            without: words; an item that has all words of one of these groups is passed over.
        """


class Numbered:
    """Items by the numbers that they got as they were added, some of which were removed."""

    def __init__(self) -> None:
        self.removed_N = np.zeros(0, dtype=bool)

    def __len__(self) -> int:
        return int((~self.removed_N).sum())

    def remove(self, items: Iterable[int]) -> None:
        """Mark items, so that they are found no more; LampError where one is not there."""
        wanted = sorted(set(items))
        missing = [item for item in wanted if not 0 <= item < len(self.removed_N) or self.removed_N[item]]
        if missing:
            raise LampError(f"the index has no item {missing[0]}; it was removed, or never added")
        self.removed_N[wanted] = True

    def _count(self, more: int) -> range:
        """The numbers of items that are added."""
        first = len(self.removed_N)
        self.removed_N = np.concatenate([self.removed_N, np.zeros(more, dtype=bool)])
        return range(first, first + more)
