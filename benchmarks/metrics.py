"""How fast metrics are, against the plain way or the field's code, in the same run: FID, ranks, captions.

By hand: ``python -m benchmarks.metrics``.
"""

import json
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.linalg
from pycocoevalcap.cider.cider import Cider

from lamp_core.metrics.bleu import bleu
from lamp_core.metrics.cider import cider
from lamp_core.metrics.fid import frechet_distance, frechet_distance_of_moments
from lamp_core.metrics.recall import places, ranks, recall, same_caption
from lamp_core.metrics.rouge import rouge_l

EMBEDDING_WIDTH = 512
ITEMS = 4_384
GALLERY = 10_000
GALLERY_WIDTH = 256
CAPTIONS = 10_000
VOCABULARY = 2_000
ROUNDS = 7
FEW_ROUNDS = 2

Result = TypeVar("Result")


def measure() -> dict[str, float]:
    """Return seconds of both ways and their ratios; the results of both have to agree."""
    return _frechet() | _ranks() | _gallery() | _captions()


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


def _gallery() -> dict[str, float]:
    """From embeddings to recall in both directions, where every item with the same caption is right."""
    draws = np.random.default_rng(0)
    texts = draws.normal(size=(GALLERY, GALLERY_WIDTH)).astype(np.float32)
    motions = texts + 4 * draws.normal(size=texts.shape).astype(np.float32)
    right = same_caption([f"caption {place // 2}" for place in range(GALLERY)])

    def both_directions() -> list[float]:
        similarity = texts @ motions.T
        return [recall(places(matrix, right)).at[10] for matrix in (similarity, similarity.T)]

    seconds, recalls = _seconds(both_directions, FEW_ROUNDS)
    # Of 10,000 items, chance would find 0.2 per cent.
    if min(recalls) < 1.0:
        raise AssertionError(f"related texts and motions are not found: R@10 {recalls}")
    return {f"retrieval_gallery_{GALLERY}_seconds": seconds}


def _captions() -> dict[str, float]:
    draws = np.random.default_rng(0)

    def sentence() -> str:
        words = draws.zipf(1.3, size=draws.integers(4, 16)) % VOCABULARY
        return " ".join(f"word{word}" for word in words)

    references = [[sentence() for _ in range(3)] for _ in range(CAPTIONS)]
    captions = [listed[0] if draws.random() < 0.3 else sentence() for listed in references]
    truth, made = dict(enumerate(references)), {place: [text] for place, text in enumerate(captions)}
    ours, found = _seconds(lambda: cider(captions, references), FEW_ROUNDS)
    reference, (expected, _) = _seconds(lambda: Cider().compute_score(truth, made), FEW_ROUNDS)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    return {
        f"cider_{CAPTIONS}_seconds": ours,
        f"cider_{CAPTIONS}_reference_seconds": reference,
        f"cider_{CAPTIONS}_speedup": reference / ours,
        f"bleu_{CAPTIONS}_seconds": _seconds(lambda: bleu(captions, references), FEW_ROUNDS)[0],
        f"rouge_l_{CAPTIONS}_seconds": _seconds(lambda: rouge_l(captions, references), FEW_ROUNDS)[0],
    }


def _seconds(work: Callable[[], Result], rounds: int = ROUNDS) -> tuple[float, Result]:
    result, times = work(), []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), result


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
