"""Retrieval by similarity: ranks, recall and median rank under the protocols of the field.

Query i belongs to item i of the gallery. Ranks count from 1. Where several items are right (the same caption,
or nearly), the rank is that of the first right one. Items that tie are in no order: R@k is the expectation
over all orders, as R-Precision is, and the median is that of the mean ranks. ``published`` counts as the
published code of TMR does: a query whose mean rank less 1 is under k.

Shapes: N queries and gallery items, B items a batch, C queries handled at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lamp_core.errors import LampError
from lamp_core.metrics.batches import Counting, shuffled_batches

RECALL_AT = (1, 2, 3, 5, 10)
CHUNK = 256
SAME_TEXT = 1.0 - 1e-6
"""Scaled similarity above which two texts are taken for the same."""

RightItems = Callable[[slice], np.ndarray]
"""Given a slice of the queries, which items are right for them: bool (C, N)."""


@dataclass(frozen=True)
class Recall:
    """Recall of one direction.

    Args:
        at: share of queries in per cent whose rank is at most k, by k.
        median_rank: median of the ranks, from 1.
        queries: queries that were ranked.
    """

    at: dict[int, float]
    median_rank: float
    queries: int


def check_similarity(similarity_NN: np.ndarray) -> None:
    """Refuse what cannot be ranked.

    Raises:
        LampError: no square matrix, no items, or items with a similarity that is not finite; the message
            counts them.
    """
    if similarity_NN.ndim != 2 or similarity_NN.shape[0] != similarity_NN.shape[1] or not len(similarity_NN):
        raise LampError(
            f"similarities of shape {similarity_NN.shape}; retrieval needs one item a query, at least one"
        )
    # A sum is not finite when one of its terms is not: one pass without a matrix of flags.
    suspicious = ~np.isfinite(similarity_NN.sum(axis=1, dtype=np.float64))
    broken = int((~np.isfinite(similarity_NN[suspicious])).any(axis=1).sum())
    if broken:
        raise LampError(f"{broken} of {len(similarity_NN)} queries have similarities that are not finite")


@dataclass(frozen=True)
class Places:
    """Where the first right item of each query stands.

    Args:
        better_N: items that are more similar than every right one.
        wrong_N: wrong items that tie with the most similar right one.
        right_N: right items that tie there, itself among them.
    """

    better_N: np.ndarray
    wrong_N: np.ndarray
    right_N: np.ndarray

    @property
    def mean_ranks(self) -> np.ndarray:
        """The mean rank (N,) over all orders of the ties.

        A right item that ties with w wrong and r - 1 other right ones stands behind w / (r + 1) wrong ones on
        average; with one right item that is the middle of the tie.
        """
        ranks_N: np.ndarray = 1 + self.better_N + self.wrong_N / (self.right_N + 1)
        return ranks_N

    def within(self, k: int) -> np.ndarray:
        """The share (N,) of all orders of the ties that put a right item among the first k.

        Of the m first places that the tie has, none is a right item's with probability
        prod over j < m of (w - j) / (w + r - j).
        """
        missed_N = np.ones(len(self.better_N))
        for taken in range(k):
            is_open_N = self.better_N + taken < k
            left_N = (self.wrong_N - taken).clip(min=0) / np.maximum(self.wrong_N + self.right_N - taken, 1)
            missed_N = np.where(is_open_N, missed_N * left_N, missed_N)
        return np.where(self.better_N < k, 1.0 - missed_N, 0.0)


def places(similarity_NN: np.ndarray, right: RightItems | None = None) -> Places:
    """Return where the first right item of each query stands.

    Args:
        similarity_NN: of query i (row) to item j; for the other direction give the transpose.
        right: the right items, when it is not item i alone.

    Raises:
        LampError: see `check_similarity`.
    """
    check_similarity(similarity_NN)
    count = len(similarity_NN)
    better_N, wrong_N, right_N = (np.empty(count, dtype=np.int64) for _ in range(3))
    for start in range(0, count, CHUNK):
        queries = slice(start, min(start + CHUNK, count))
        rows_CN = np.ascontiguousarray(similarity_NN[queries])
        if right is None:
            best_C1 = similarity_NN.diagonal()[queries, None]
            tied_right_C: np.ndarray | int = 1
        else:
            right_CN = right(queries)
            best_C1 = np.where(right_CN, rows_CN, -np.inf).max(axis=1, keepdims=True)
            tied_right_C = np.count_nonzero(right_CN & (rows_CN == best_C1), axis=1)
        better_N[queries] = np.count_nonzero(rows_CN > best_C1, axis=1)
        right_N[queries] = tied_right_C
        wrong_N[queries] = np.count_nonzero(rows_CN >= best_C1, axis=1) - better_N[queries] - tied_right_C
    return Places(better_N, wrong_N, right_N)


def ranks(similarity_NN: np.ndarray, right: RightItems | None = None) -> np.ndarray:
    """Return the mean rank (N,) of the first right item of each query; arguments and errors of `places`."""
    return places(similarity_NN, right).mean_ranks


def recall(found: Places, at: Sequence[int] = RECALL_AT, counting: Counting = "unbiased") -> Recall:
    """Summarise places.

    Args:
        found: of the queries.
        at: the k of R@k.
        counting: how ties count, see the module.

    Raises:
        LampError: no query.
    """
    ranks_N = found.mean_ranks
    if not len(ranks_N):
        raise LampError("recall needs at least one query, found none")
    hits = {k: (ranks_N - 1 < k) if counting == "published" else found.within(k) for k in at}
    shares = {k: 100.0 * float(hits_N.mean()) for k, hits_N in hits.items()}
    return Recall(shares, float(np.median(ranks_N)), len(ranks_N))


def recall_in_batches(
    similarity_NN: np.ndarray,
    generator: np.random.Generator,
    batch_size: int = 32,
    at: Sequence[int] = RECALL_AT,
    counting: Counting = "unbiased",
) -> Recall:
    """Recall within the batches of one shuffle, see `shuffled_batches`.

    Raises:
        LampError: see `check_similarity`, or fewer items than a batch.
    """
    check_similarity(similarity_NN)
    groups = shuffled_batches(len(similarity_NN), batch_size, generator, counting)
    batches_GB = groups.items_GB
    parts_GBB = similarity_NN[batches_GB[:, :, None], batches_GB[:, None, :]]
    true_GB1 = np.diagonal(parts_GBB, axis1=1, axis2=2)[..., None]
    better_GB = np.count_nonzero(parts_GBB > true_GB1, axis=2)
    tied_GB = np.count_nonzero(parts_GBB >= true_GB1, axis=2) - better_GB - 1
    better_N, tied_N = better_GB[groups.counted_GB], tied_GB[groups.counted_GB]
    return recall(Places(better_N, tied_N, np.ones_like(better_N)), at, counting)


def same_caption(captions: Sequence[str]) -> RightItems:
    """Protocol `distinct`: every item with the very same caption text is right."""
    return same_group(np.unique(np.asarray(captions, dtype=str), return_inverse=True)[1])


def same_group(group_N: np.ndarray) -> RightItems:
    """Every item of the query's own group is right; groups are numbers."""
    return lambda queries: group_N[queries, None] == group_N[None, :]


def similar_caption(sentence_similarity_NN: np.ndarray, threshold: float = 0.95) -> RightItems:
    """Protocol `threshold`: right are items whose caption is more similar than that, and the item itself.

    Args:
        sentence_similarity_NN: of the captions, scaled to 0..1 (see `scaled_cosine`).
        threshold: of that similarity.

    Raises:
        LampError: values outside 0..1 or not finite.
    """
    similarity_NN = np.asarray(sentence_similarity_NN)
    if not np.isfinite(similarity_NN).all() or similarity_NN.min() < -1e-4 or similarity_NN.max() > 1 + 1e-4:
        raise LampError("sentence similarities have to be finite and scaled to 0..1: (1 + cosine) / 2")

    def right(queries: slice) -> np.ndarray:
        rows_CN = similarity_NN[queries] > threshold
        rows_CN[np.arange(len(rows_CN)), np.arange(queries.start, queries.stop)] = True
        return rows_CN

    return right


def far_apart(sentence_similarity_NN: np.ndarray, count: int) -> np.ndarray:
    """Protocol `dissimilar`: the places of ``count`` texts far from each other, in rising order.

    The first is the text least similar to all; each further one is that whose most similar text among those
    chosen is the least similar (farthest-point sampling). So the list is fixed for a data set and a sentence
    model, whatever the seed; ties go to the earlier text. It is shorter where fewer texts differ.
    """
    similarity_NN = np.asarray(sentence_similarity_NN)
    nearest_N = similarity_NN.mean(axis=1, dtype=np.float64)
    chosen_N = np.zeros(len(similarity_NN), dtype=bool)
    for turn in range(min(count, len(similarity_NN))):
        place = int(np.where(chosen_N, np.inf, nearest_N).argmin())
        if turn and nearest_N[place] > SAME_TEXT:
            break
        chosen_N[place] = True
        nearest_N = np.maximum(nearest_N if turn else -np.inf, similarity_NN[place])
    return np.flatnonzero(chosen_N)


def scaled_cosine(embeddings_NE: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of all pairs of sentences (N, N), scaled to 0..1."""
    unit_NE = embeddings_NE / np.linalg.norm(embeddings_NE, axis=1, keepdims=True).clip(min=1e-12)
    similarities_NN: np.ndarray = np.clip((1.0 + unit_NE @ unit_NE.T) / 2.0, 0.0, 1.0)
    return similarities_NN


def right_counts(right: RightItems, count: int) -> np.ndarray:
    """Return how many items are right for each of ``count`` queries."""
    chunks = (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))
    return np.concatenate([np.count_nonzero(right(queries), axis=1) for queries in chunks])


def shared_share(right_counts_N: np.ndarray) -> float:
    """Return the share (0..1) of queries for which more than one item is right."""
    return float((right_counts_N > 1).mean())


def chance_recall(right_counts_N: np.ndarray, gallery: int, at: Sequence[int] = RECALL_AT) -> Recall:
    """Recall of a random order, in closed form.

    With r right items among n, none stands in the first k places with probability
    prod over j < k of (n - r - j) / (n - j). The median is that of all queries' ranks together.
    """
    counts, queries = np.unique(right_counts_N, return_counts=True)
    places = np.arange(gallery)
    within_N = np.zeros(gallery)
    for right, weight in zip(counts, queries / queries.sum(), strict=True):
        missed_N = np.cumprod(np.clip((gallery - right - places) / (gallery - places), 0.0, 1.0))
        within_N += weight * (1.0 - missed_N)
    shares = {k: 100.0 * float(within_N[min(k, gallery) - 1]) for k in at}
    lower, upper = np.searchsorted(within_N, (0.5 - 1e-12, 0.5 + 1e-12)) + 1
    return Recall(shares, (lower + upper) / 2.0, len(right_counts_N))
