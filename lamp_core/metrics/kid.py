"""Kernel distance between two sets of embeddings (KID): what FID measures, without FID's bias.

Shapes: N, M items, E embedding numbers.
"""

import numpy as np
from numpy.typing import ArrayLike

from lamp_core.errors import LampError
from lamp_core.metrics.distances import finite_embeddings


def kernel_distance(true_NE: ArrayLike, generated_ME: ArrayLike) -> float:
    """Squared maximum mean discrepancy with the kernel (x y / E + 1)^3 (Bińkowski et al. 2018, section 4).

    The unbiased estimate: its expectation is that of infinitely many items, whatever their number, and 0 for
    two samples of one distribution; so a single value may be under 0. FID of few items is too large by an
    amount that depends on their number.

    Raises:
        LampError: fewer than two items in a set, sets of different width, or items that are not finite.
    """
    true = finite_embeddings("true embeddings", true_NE)
    generated = finite_embeddings("generated embeddings", generated_ME)
    if min(len(true), len(generated)) < 2:
        raise LampError(f"KID needs two items a set, found {len(true)} true and {len(generated)} generated")
    if true.shape[1] != generated.shape[1]:
        raise LampError(
            f"KID of embeddings of {true.shape[1]} and {generated.shape[1]} numbers; both need as many"
        )
    across = _kernel(true, generated).mean()
    return float(_mean_of_pairs(true) + _mean_of_pairs(generated) - 2.0 * across)


def _kernel(first_NE: np.ndarray, second_ME: np.ndarray) -> np.ndarray:
    kernel_NM: np.ndarray = (first_NE @ second_ME.T / first_NE.shape[1] + 1.0) ** 3
    return kernel_NM


def _mean_of_pairs(items_NE: np.ndarray) -> float:
    """Mean of the kernel over all pairs of two different items."""
    kernel_NN, count = _kernel(items_NE, items_NE), len(items_NE)
    return float((kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1)))
