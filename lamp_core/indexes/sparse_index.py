"""Exact search in an inverted index.

The sparse index keeps, for every word, the items that have it and their weights (postings, in columns). A
query adds up the postings of its words into one number an item. The best are then found without sorting:
the k-th best partial score of the items of one word is a bound that no item below it can pass, so that only
a handful is compared. Among very many items the sums are too slow: there `bounds` says first, from bytes,
which few of them can be among the best.

Items that are added stand in a segment of their own, and items that are removed are marked: neither builds
anything anew. Segments are merged when they are many or when most of what they hold is removed.

Shapes: N items, V vocabulary, P postings, Q words of a query.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, csr_array, vstack

from lamp_core.errors import LampError
from lamp_core.indexes.index import Found, Groups, Numbered

if TYPE_CHECKING:
    from lamp_core.indexes.bounds import ScoreBounds

MOST_SEGMENTS = 8
NO_GROUP: Mapping[tuple[int, ...], float] = {}
LOOKED_AT = 4096
"""Items of a word that give the bound."""
VERY_MANY = 50_000
"""Items of a segment from which bounds are quicker than sums."""
WORTHLESS = 0.5
"""Share of removed items above which a segment is built anew."""


def pruned(vectors_NV: np.ndarray, top: int) -> csr_array:
    """Keep the largest ``top`` numbers of each row, and of these what is above 0."""
    count, width = vectors_NV.shape
    kept = min(top, width)
    columns_Nk = np.argpartition(-vectors_NV, kept - 1, axis=1)[:, :kept]
    values_Nk = np.take_along_axis(vectors_NV, columns_Nk, axis=1)
    rows = np.repeat(np.arange(count), kept)
    positive = values_Nk.ravel() > 0
    taken = (values_Nk.ravel()[positive].astype(np.float32), (rows[positive], columns_Nk.ravel()[positive]))
    made = csr_array(taken, shape=(count, width))
    made.sort_indices()
    return made


@dataclass(frozen=True)
class Segment:
    """Items that were added together.

    Args:
        columns: postings by word, (N, V).
        first: number of the first item.
    """

    columns: csc_array
    first: int

    def __len__(self) -> int:
        return int(self.columns.shape[0])

    def postings(self, word: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of the items that have a word, and their weights."""
        start, end = self.columns.indptr[word : word + 2]
        return self.columns.indices[start:end], self.columns.data[start:end]

    def weights(self, places: np.ndarray, word: int) -> np.ndarray:
        """The weights of a word in items, 0 where they have none."""
        having, values = self.postings(word)
        places = places.astype(having.dtype)  # another type would have all postings converted
        at = np.searchsorted(having, places).clip(max=max(0, len(having) - 1))
        if not len(having):
            return np.zeros(len(places), dtype=np.float32)
        found: np.ndarray = np.where(having[at] == places, values[at], 0)
        return found

    def having_all(self, words: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Places of the items that have all of some words, and the smallest of their weights."""
        first, *others = words
        places, smallest = self.postings(first)
        for word in others:
            weights = self.weights(places, word)
            has_it = weights > 0
            places, smallest = places[has_it], np.minimum(smallest, weights)[has_it]
        return places, smallest

    def scores(self, words: Sequence[int], weights_Q: np.ndarray) -> np.ndarray:
        """The products (N,) with a query of some words."""
        scores_N: np.ndarray = self.columns[:, words] @ weights_Q
        return scores_N

    @cached_property
    def score_bounds(self) -> "ScoreBounds":
        """Bounds of the scores, made when they are first asked for."""
        from lamp_core.indexes.bounds import ScoreBounds  # torch is not needed before there are very many

        return ScoreBounds.of(self.columns)

    def best(
        self,
        words: Sequence[int],
        weights_Q: np.ndarray,
        top: int,
        hidden: np.ndarray,
        together: Mapping[tuple[int, ...], float] = NO_GROUP,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places of the ``top`` best items with a score above 0, best first, and their scores.

        Args:
            words: of the query.
            weights_Q: of these.
            top: how many.
            hidden: places of items that are not to be found.
            together: weights of words that count, by the smallest of theirs, where an item has all of them.
        """
        if len(self) >= VERY_MANY and (weights_Q > 0).all() and not together:
            return self._best_by_bounds(words, weights_Q, top, hidden)
        scores_N = self.scores(words, weights_Q) if words else np.zeros(len(self), dtype=np.float32)
        for group, weight in together.items():
            having, smallest = self.having_all(group)
            scores_N[having] += weight * smallest
        scores_N[hidden] = 0
        heaviest = [words[int(np.argmax(weights_Q))]] if words else next(iter(together))
        places = _best(scores_N, top, self.having_all(tuple(heaviest))[0])
        return places, scores_N[places]

    def _best_by_bounds(
        self, words: Sequence[int], weights_Q: np.ndarray, top: int, hidden: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        bounds = self.score_bounds.bounds(np.array(words), weights_Q)
        scores = self._scores_of(_shown(bounds.most_promising(top), hidden), words, weights_Q)
        known = np.sort(scores[scores > 0])[-top:]
        smallest = float(np.finfo(np.float32).tiny)
        reached = bounds.reaching(float(known[0]) if len(known) == top else smallest)
        places = _shown(reached, hidden)
        scores = self._scores_of(places, words, weights_Q)
        order = np.lexsort((places, -scores))[:top]
        order = order[scores[order] > 0]
        return places[order], scores[order]

    def _scores_of(self, places: np.ndarray, words: Sequence[int], weights_Q: np.ndarray) -> np.ndarray:
        """The products of some items with a query of some words."""
        scores = np.zeros(len(places), dtype=np.float32)
        for word, weight in zip(words, weights_Q, strict=True):
            scores += weight * self.weights(places, word)
        return scores


class SparseIndex(Numbered):
    """An inverted index in memory.

    Args:
        width: V.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.segments: list[Segment] = []

    def add(self, vectors_NV: np.ndarray | csr_array) -> range:
        """Add items, given by weights of which those above 0 become postings."""
        rows = csr_array(vectors_NV).astype(np.float32)
        if rows.shape[1] != self.width:
            raise LampError(f"vectors of {rows.shape[1]} words do not fit an index of {self.width}")
        columns = csc_array(rows)
        columns.sort_indices()  # an item is found in the postings of a word by bisection
        if columns.nnz <= np.iinfo(np.int32).max:  # half the memory; both, or scipy converts one each time
            columns.indices = columns.indices.astype(np.int32, copy=False)
            columns.indptr = columns.indptr.astype(np.int32, copy=False)
        numbers = self._count(rows.shape[0])
        self.segments.append(Segment(columns, numbers.start))
        if len(self.segments) > MOST_SEGMENTS:
            self._merge()
        return numbers

    def remove(self, items: Iterable[int]) -> None:
        """Mark items, so that they are found no more; LampError where one is not there."""
        super().remove(items)
        self.segments = [self._without_removed(segment) for segment in self.segments]

    def search(
        self,
        query_V: np.ndarray,
        top: int,
        without: Groups = (),
        together: Mapping[tuple[int, ...], float] = NO_GROUP,
    ) -> list[Found]:
        """The best items; those that have all words of a group of ``without`` are passed over.

        Args:
            query_V: weights of words.
            top: how many.
            without: words that are not wanted together.
            together: weights of words that count, by the smallest of theirs, where an item has all of them.
        """
        words = np.flatnonzero(query_V).tolist()
        if not words and not together:
            return []
        best: list[tuple[float, int]] = []
        for segment in self.segments:
            hidden = [np.flatnonzero(self._gone(segment))]
            hidden += [segment.having_all(group)[0] for group in without]
            places, scores = segment.best(words, query_V[words], top, np.concatenate(hidden), together)
            best += zip(scores.tolist(), (segment.first + places).tolist(), strict=True)
        ranked = sorted(best, key=lambda found: (-found[0], found[1]))[:top]
        items = np.array([item for _, item in ranked], dtype=np.int64)
        shares = self._shares(items, {(word,): float(query_V[word]) for word in words})
        of_groups = self._shares(items, together)
        return [
            Found(item, score, {word: share for (word,), share in gave.items()}, of_group)
            for (score, item), gave, of_group in zip(ranked, shares, of_groups, strict=True)
        ]

    def rows(self) -> csr_array:
        """All items, removed ones without words, (N, V)."""
        parts = [segment.columns for segment in self.segments]
        if not parts:
            return csr_array((0, self.width), dtype=np.float32)
        return csr_array(_without_rows(csc_array(vstack(parts)), self.removed_N))

    def _gone(self, segment: Segment) -> np.ndarray:
        """Which items (N,) of a segment were removed."""
        gone_N: np.ndarray = self.removed_N[segment.first : segment.first + len(segment)]
        return gone_N

    def _without_removed(self, segment: Segment) -> Segment:
        """The segment, without the postings of removed items where these are most of it."""
        gone_N = self._gone(segment)
        if gone_N.mean() <= WORTHLESS or not segment.columns.nnz:
            return segment
        return Segment(_without_rows(segment.columns, gone_N), segment.first)

    def _shares(
        self, items: np.ndarray, weights: Mapping[tuple[int, ...], float]
    ) -> list[dict[tuple[int, ...], float]]:
        """What each group of words gave to the score of each item."""
        made: list[dict[tuple[int, ...], float]] = [{} for _ in items]
        for segment in self.segments:
            inside = np.flatnonzero((items >= segment.first) & (items < segment.first + len(segment)))
            for group, weight in weights.items() if len(inside) else ():
                places = items[inside] - segment.first
                smallest = reduce(np.minimum, (segment.weights(places, word) for word in group))
                for rank in np.flatnonzero(smallest):
                    made[inside[rank]][group] = weight * float(smallest[rank])
        return made

    def _merge(self) -> None:
        self.segments = [Segment(csc_array(self.rows()), 0)]


def _without_rows(columns: csc_array, gone_N: np.ndarray) -> csc_array:
    """The postings without those of some items, whose numbers stay."""
    kept = ~gone_N[columns.indices]
    counts_P = np.concatenate([[0], np.cumsum(kept)])
    return csc_array(
        (columns.data[kept], columns.indices[kept], counts_P[columns.indptr]), shape=columns.shape
    )


def _shown(places: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Places but for those that are not to be found."""
    if not len(hidden):
        return places
    left: np.ndarray = places[~np.isin(places, hidden)]
    return left


def _best(scores_N: np.ndarray, top: int, postings: np.ndarray) -> np.ndarray:
    """Places of the ``top`` largest scores above 0, best first; of equal ones the first.

    Some items of the query's heaviest word have ``top`` scores that the best have to reach: only what reaches
    the lowest of these is sorted.
    """
    bound = np.float32(0)
    if len(postings) >= top:
        some = scores_N[postings[: max(top, LOOKED_AT)]]
        bound = np.partition(some, len(some) - top)[len(some) - top]
    places = np.flatnonzero(scores_N >= bound) if bound > 0 else np.flatnonzero(scores_N > 0)
    order = np.lexsort((places, -scores_N[places]))[:top]
    chosen: np.ndarray = places[order]
    return chosen
