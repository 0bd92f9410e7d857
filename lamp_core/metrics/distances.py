"""Euclidean distances between embeddings, and the check that stands before every ranking.

Shapes: N texts or queries, M motions, E embedding numbers.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike

from lamp_core.errors import LampError


def finite_embeddings(name: str, embeddings_NE: ArrayLike) -> np.ndarray:
    """Return embeddings as float64 (N, E).

    A comparison with NaN is false, so a naive rank count would put a broken item first: nothing is ranked
    here before it went through this check.

    Raises:
        LampError: not two axes, or an item that is not finite; the message counts them.
    """
    array_NE = np.asarray(embeddings_NE, dtype=np.float64)
    if array_NE.ndim != 2:
        raise LampError(f"{name} have shape {array_NE.shape}; embeddings are (items, numbers)")
    broken = len(array_NE) - int(np.isfinite(array_NE).all(axis=1).sum())
    if broken:
        raise LampError(f"{broken} of {len(array_NE)} {name} are not finite; leave them out and count them")
    return array_NE


def paired_embeddings(texts_NE: ArrayLike, motions_NE: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Check that text i and motion i are pairs: as many of each, of one width, all finite.

    Raises:
        LampError: they are not.
    """
    texts = finite_embeddings("text embeddings", texts_NE)
    motions = finite_embeddings("motion embeddings", motions_NE)
    if texts.shape != motions.shape:
        raise LampError(f"text embeddings {texts.shape} and motion embeddings {motions.shape} are no pairs")
    return texts, motions


def euclidean_distances(texts_NE: np.ndarray, motions_ME: np.ndarray) -> np.ndarray:
    """Return all distances (..., N, M) by plain differences; leading axes are batches.

    The quicker expansion |a|^2 - 2ab + |b|^2 is not used: it rounds equal items apart and breaks ties.
    """
    texts, motions = (torch.from_numpy(np.ascontiguousarray(array)) for array in (texts_NE, motions_ME))
    return torch.cdist(texts, motions, compute_mode="donot_use_mm_for_euclid_dist").numpy()


def mm_distance(texts_NE: ArrayLike, motions_NE: ArrayLike) -> float:
    """MM-Dist: mean distance of text i to motion i (Guo et al. 2022, section 5).

    Raises:
        LampError: no items, no pairs, or items that are not finite.
    """
    texts, motions = paired_embeddings(texts_NE, motions_NE)
    if not len(texts):
        raise LampError("MM-Dist needs at least one pair of text and motion, found none")
    return float(np.linalg.norm(texts - motions, axis=1).mean())
