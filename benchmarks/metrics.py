"""How fast FID and retrieval ranks are, against the plain way to compute them, in the same run.

By hand: ``python -m benchmarks.metrics``.
"""

import json
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.linalg

from lamp_core.metrics.frechet import frechet_distance, frechet_distance_of_moments
from lamp_core.metrics.recall import ranks

EMBEDDING_WIDTH = 512
ITEMS = 4_384
ROUNDS = 7

Result = TypeVar("Result")


def measure() -> dict[str, float]:
    """Return seconds of both ways and their ratios; the results of both have to agree."""
    return _frechet() | _ranks()


def _frechet() -> dict[str, float]:
    draws = np.random.default_rng(0)
    shape = (EMBEDDING_WIDTH, EMBEDDING_WIDTH)
    true, made = (draws.normal(size=(ITEMS, EMBEDDING_WIDTH)) @ draws.normal(size=shape) for _ in range(2))
    moments = [(items.mean(axis=0), np.cov(items, rowvar=False)) for items in (true, made)]

    def plain() -> float:
        (mean_1, covariance_1), (mean_2, covariance_2) = moments
        root = scipy.linalg.sqrtm(covariance_1 @ covariance_2)
        gap = mean_1 - mean_2
        return float(gap @ gap + np.trace(covariance_1 + covariance_2 - 2 * root.real))

    ours, found = _seconds(lambda: frechet_distance_of_moments(*moments[0], *moments[1]))
    reference, expected = _seconds(plain)
    whole, _ = _seconds(lambda: frechet_distance(true, made))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    return {
        "fid_512_seconds": ours,
        "fid_512_reference_seconds": reference,
        "fid_512_speedup": reference / ours,
        f"fid_{ITEMS}_embeddings_seconds": whole,
    }


def _ranks() -> dict[str, float]:
    similarity = np.random.default_rng(0).normal(size=(ITEMS, ITEMS)).astype(np.float32)

    def plain() -> np.ndarray:
        order = np.argsort(-similarity, axis=1)
        return 1 + np.argmax(order == np.arange(ITEMS)[:, None], axis=1)

    ours, found = _seconds(lambda: ranks(similarity))
    reference, expected = _seconds(plain)
    # An argsort puts equal similarities in some order, ours in the middle: never more than the tie apart.
    np.testing.assert_allclose(found, expected, atol=3)
    return {
        f"ranks_{ITEMS}_seconds": ours,
        f"ranks_{ITEMS}_reference_seconds": reference,
        f"ranks_{ITEMS}_speedup": reference / ours,
    }


def _seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    result, times = work(), []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), result


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
