"""R-Precision and MM-Dist over shuffled batches (Guo et al. 2022, section 5).

Shapes: N items, E embedding numbers, G batches, B items a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lamp_core.metrics.batches import Counting, shuffled_batches
from lamp_core.metrics.distances import euclidean_distances, paired_embeddings

TOP = (1, 2, 3)

Distances = Callable[[np.ndarray], np.ndarray]
"""Items of batches (G, B) to the distance of every text to every motion of its batch (G, B, B)."""


@dataclass(frozen=True)
class MatchingScores:
    """R-Precision and MM-Dist of one shuffle.

    Args:
        r_precision: share (0..1) of texts whose motion is among the nearest k, by k.
        mm_distance: mean distance of a text to its motion.
        items: items that were ranked.
        left_out: items of the last incomplete batch.
    """

    r_precision: dict[int, float]
    mm_distance: float
    items: int
    left_out: int


def matching_scores(
    texts_NE: ArrayLike,
    motions_NE: ArrayLike,
    generator: np.random.Generator,
    batch_size: int = 32,
    top: Sequence[int] = TOP,
    counting: Counting = "unbiased",
) -> MatchingScores:
    """Rank, within shuffled batches, all motions of the batch by their distance to each text.

    Motions at the very same distance share their places: the true one counts with the probability that a
    random order puts it among the first k. So embeddings that are all equal score k / batch_size, as chance.
    ``published`` takes the order in which equal ones happen to stand, as a sort does, and leaves the last
    incomplete batch out (`shuffled_batches`).

    Raises:
        LampError: fewer items than a batch, no pairs, or items that are not finite.
    """
    texts, motions = paired_embeddings(texts_NE, motions_NE)

    def distances(groups_GB: np.ndarray) -> np.ndarray:
        return euclidean_distances(texts[groups_GB], motions[groups_GB])

    return scores_by_distance(distances, len(texts), generator, batch_size, top, counting)


def scores_by_distance(
    distances: Distances,
    count: int,
    generator: np.random.Generator,
    batch_size: int = 32,
    top: Sequence[int] = TOP,
    counting: Counting = "unbiased",
) -> MatchingScores:
    """`matching_scores` of ``count`` pairs by any distance, all of whose values are finite.

    Raises:
        LampError: fewer items than a batch.
    """
    groups = shuffled_batches(count, batch_size, generator, counting)
    distances_GBB = distances(groups.items_GB)
    true_GB = np.diagonal(distances_GBB, axis1=1, axis2=2)
    nearer_GB = (distances_GBB < true_GB[..., None]).sum(axis=2)
    equal_GB = (distances_GBB == true_GB[..., None]).sum(axis=2)
    if counting == "published":
        places_GBB = np.argsort(np.argsort(distances_GBB, axis=2, kind="stable"), axis=2)
        nearer_GB = np.diagonal(places_GBB, axis1=1, axis2=2)
        equal_GB = np.ones_like(nearer_GB)
    nearer_N, equal_N = nearer_GB[groups.counted_GB], equal_GB[groups.counted_GB]
    hits = {k: float(np.clip((k - nearer_N) / equal_N, 0.0, 1.0).mean()) for k in top}
    return MatchingScores(
        hits, float(true_GB[groups.counted_GB].mean()), groups.counted, count - groups.counted
    )
