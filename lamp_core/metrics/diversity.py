"""Diversity and MultiModality: how far generated motions are from each other (Guo et al. 2022, section 5).

Shapes: N items, E embedding numbers, X texts, R motions a text.
"""

import numpy as np
from numpy.typing import ArrayLike

from lamp_core.errors import LampError
from lamp_core.metrics.batches import Counting, random_pairs
from lamp_core.metrics.distances import finite_embeddings

PAIRS = 300
PAIRS_OF_SMALL_SETS = 100


def diversity(
    motions_NE: ArrayLike,
    generator: np.random.Generator,
    pairs: int = PAIRS,
    counting: Counting = "unbiased",
) -> float:
    """Mean distance of random pairs (`random_pairs`).

    Sets of ``pairs`` items or fewer use 100 pairs.

    Raises:
        LampError: too few items, or items that are not finite.
    """
    motions = finite_embeddings("motion embeddings", motions_NE)
    drawn = diversity_pairs(len(motions), pairs)
    first, second = random_pairs(len(motions), drawn, generator, counting)
    return float(np.linalg.norm(motions[first] - motions[second], axis=1).mean())


def diversity_pairs(items: int, pairs: int = PAIRS) -> int:
    """Return the number of pairs drawn from ``items`` items."""
    return pairs if items > pairs else min(pairs, PAIRS_OF_SMALL_SETS)


def multimodality(
    motions_XRE: ArrayLike,
    generator: np.random.Generator,
    pairs: int = 10,
    counting: Counting = "unbiased",
) -> float:
    """Mean distance of random pairs of motions of one text, over all texts.

    Each text has pairs of its own (`random_pairs`), as published the same ones; there, a text of few motions
    meets itself so often that the mean is too small: by a tenth for ten motions.

    Raises:
        LampError: not three axes, no text, too few motions a text, or motions that are not finite.
    """
    motions = np.asarray(motions_XRE, dtype=np.float64)
    if motions.ndim != 3 or not len(motions):
        raise LampError(
            f"MultiModality needs embeddings (texts, motions, numbers), found shape {motions.shape}"
        )
    finite_embeddings("texts' motion embeddings", motions.reshape(len(motions), -1))
    count = motions.shape[1]
    if counting == "published":
        first, second = random_pairs(count, pairs, generator, counting)
        return float(np.linalg.norm(motions[:, first] - motions[:, second], axis=-1).mean())
    distances = []
    for motions_RE in motions:
        first, second = random_pairs(count, pairs, generator)
        distances.append(np.linalg.norm(motions_RE[first] - motions_RE[second], axis=-1).mean())
    return float(np.mean(distances))
