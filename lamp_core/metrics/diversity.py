"""Diversity and MultiModality: how far generated motions are from each other (Guo et al. 2022, section 5).

Shapes: N items, E embedding numbers, X texts, R motions a text.
"""

import numpy as np
from numpy.typing import ArrayLike

from lamp_core.errors import LampError
from lamp_core.metrics.distances import finite_embeddings

PAIRS = 300
PAIRS_OF_SMALL_SETS = 100


def diversity(motions_NE: ArrayLike, generator: np.random.Generator, pairs: int = PAIRS) -> float:
    """Mean distance of random pairs; each side of the pairs is drawn without replacement.

    Sets of ``pairs`` items or fewer use 100 pairs.

    Raises:
        LampError: fewer items than pairs, or items that are not finite.
    """
    motions = finite_embeddings("motion embeddings", motions_NE)
    drawn = diversity_pairs(len(motions), pairs)
    if len(motions) < drawn:
        raise LampError(f"{len(motions)} items are fewer than the {drawn} pairs that Diversity draws")
    first, second = (generator.choice(len(motions), drawn, replace=False) for _ in range(2))
    return float(np.linalg.norm(motions[first] - motions[second], axis=1).mean())


def diversity_pairs(items: int, pairs: int = PAIRS) -> int:
    """Return the number of pairs drawn from ``items`` items."""
    return pairs if items > pairs else min(pairs, PAIRS_OF_SMALL_SETS)


def multimodality(motions_XRE: ArrayLike, generator: np.random.Generator, pairs: int = 10) -> float:
    """Mean distance of random pairs of motions of one text, over all texts.

    The same pairs are used for every text; each side is drawn without replacement.

    Raises:
        LampError: not three axes, no text, fewer motions a text than pairs, or motions that are not finite.
    """
    motions = np.asarray(motions_XRE, dtype=np.float64)
    if motions.ndim != 3 or not len(motions):
        raise LampError(
            f"MultiModality needs embeddings (texts, motions, numbers), found shape {motions.shape}"
        )
    finite_embeddings("texts' motion embeddings", motions.reshape(len(motions), -1))
    if motions.shape[1] < pairs:
        raise LampError(
            f"{motions.shape[1]} motions a text are fewer than the {pairs} pairs that MultiModality draws"
        )
    first, second = (generator.choice(motions.shape[1], pairs, replace=False) for _ in range(2))
    return float(np.linalg.norm(motions[:, first] - motions[:, second], axis=-1).mean())
