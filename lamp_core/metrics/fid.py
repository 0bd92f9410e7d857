"""Fréchet distance between two sets of embeddings (FID), and what it would be of infinitely many.

Shapes: N, M items, E embedding numbers.
"""

import numpy as np
from numpy.typing import ArrayLike

from lamp_core.errors import LampError
from lamp_core.metrics.distances import finite_embeddings

SIZES, FEWEST = 8, 8
"""Sample sizes of `fid_infinity` (15 in the paper), and the fewest items a set."""


def frechet_distance(true_NE: ArrayLike, generated_ME: ArrayLike) -> float:
    """FID: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) with the unbiased covariances of both sets.

    The trace of the root is the sum of the roots of the eigenvalues of F^T S2 F with S1 = F F^T, a symmetric
    matrix. No matrix root of S1 S2 is taken, which turns complex when there are fewer items than numbers, so
    nothing has to be added to the diagonal.

    Raises:
        LampError: fewer than two items in a set, sets of different width, or items that are not finite.
    """
    true = finite_embeddings("true embeddings", true_NE)
    generated = finite_embeddings("generated embeddings", generated_ME)
    if min(len(true), len(generated)) < 2:
        raise LampError(f"FID needs two items a set, found {len(true)} true and {len(generated)} generated")
    if true.shape[1] != generated.shape[1]:
        raise LampError(
            f"FID of embeddings of {true.shape[1]} and {generated.shape[1]} numbers; both need as many"
        )
    return frechet_distance_of_moments(*_moments(true), *_moments(generated))


def fid_infinity(
    true_NE: ArrayLike, generated_ME: ArrayLike, draws: np.random.Generator, sizes: int = SIZES
) -> float:
    """FID of infinitely many items (Chong & Forsyth 2020, Effectively Unbiased FID, section 4).

    FID is too large by about c / N. It is taken of random subsets of several sizes N, from half of the
    smaller set to all of it, and the straight line over 1/N that fits them best is read at 0. The paper draws
    subsets of the generated set alone, and has 50,000 true images; here both sets are small, so subsets of
    both have N items. An estimate: it may be under 0.

    Raises:
        LampError: as `frechet_distance`, or fewer than eight items in a set.
    """
    true = finite_embeddings("true embeddings", true_NE)
    generated = finite_embeddings("generated embeddings", generated_ME)
    most = min(len(true), len(generated))
    if most < FEWEST:
        raise LampError(f"FID-infinity needs {FEWEST} items a set, found {len(true)} and {len(generated)}")
    counts = np.linspace(most // 2, most, sizes).round().astype(int)
    distances = [
        frechet_distance(*(each[draws.permutation(len(each))[:count]] for each in (true, generated)))
        for count in counts
    ]
    return float(np.polynomial.Polynomial.fit(1.0 / counts, distances, 1)(0.0))


def frechet_distance_of_moments(
    mean_1_E: np.ndarray, covariance_1_EE: np.ndarray, mean_2_E: np.ndarray, covariance_2_EE: np.ndarray
) -> float:
    """Fréchet distance of two normal distributions, at least 0."""
    factor_EE = _factor(covariance_1_EE)
    eigenvalues_E = np.linalg.eigvalsh(factor_EE.T @ covariance_2_EE @ factor_EE)
    root_trace = np.sqrt(eigenvalues_E.clip(min=0.0)).sum()
    gap = mean_1_E - mean_2_E
    distance = gap @ gap + np.trace(covariance_1_EE) + np.trace(covariance_2_EE) - 2.0 * root_trace
    return max(0.0, float(distance))


def _moments(embeddings_NE: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return embeddings_NE.mean(axis=0), np.atleast_2d(np.cov(embeddings_NE, rowvar=False))


def _factor(covariance_EE: np.ndarray) -> np.ndarray:
    """F with S = F F^T: Cholesky, or by eigenvalues when S is rank-deficient."""
    try:
        return np.linalg.cholesky(covariance_EE)
    except np.linalg.LinAlgError:
        eigenvalues_E, vectors_EE = np.linalg.eigh(covariance_EE)
        root_EE: np.ndarray = vectors_EE * np.sqrt(eigenvalues_E.clip(min=0.0))
        return root_EE
