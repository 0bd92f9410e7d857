"""What decoded motions are worth at a validation."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.evaluation.decoding import DECODED, WORST, DecodedValidation, decoded_score
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores, matching_scores

WIDTH = 6
Motions = list[np.ndarray]


class ByMean:
    """An evaluator that sees a motion as the mean of its frames, and a caption as the numbers in it."""

    label, prefix = "toy", ""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([np.asarray(motion).mean(axis=0) for motion in motions])

    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        return np.array([[float(word) for word in caption.text.split()] for caption in captions])

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        return matching_scores(texts, motions, generator, batch_size, counting=counting)


@pytest.fixture
def items() -> list[Item]:
    draws = np.random.default_rng(0)
    means = draws.normal(size=(40, WIDTH))
    return [
        Item(f"c{n}", 0, np.tile(mean_D, (8, 1)), (Caption(" ".join(map(str, mean_D)), (), ()),))
        for n, mean_D in enumerate(means)
    ]


@pytest.fixture
def validation(items: list[Item]) -> DecodedValidation:
    statistics = FeatureStatistics(np.zeros(WIDTH, dtype=np.float32), np.ones(WIDTH, dtype=np.float32))
    return DecodedValidation.of(items, statistics, ByMean(), Evaluate())


def _of(captions: Sequence[Caption], spoil: Callable[[np.ndarray], np.ndarray]) -> Motions:
    return [
        np.tile(spoil(np.array([float(word) for word in caption.text.split()])), (8, 1))
        for caption in captions
    ]


def test_truer_motions_are_worth_more(validation: DecodedValidation) -> None:
    def made_with(noise: float) -> dict[str, float]:
        draws = np.random.default_rng(1)
        return validation.measure(
            lambda captions, _frames, _seed: _of(
                captions, lambda mean_D: mean_D + noise * draws.normal(size=WIDTH)
            )
        )

    values = [made_with(noise)[DECODED] for noise in (0.0, 0.3, 1.0, 3.0)]
    assert values[0] == pytest.approx(1.0, abs=1e-6)
    assert values == sorted(values, reverse=True)
    assert made_with(0.3) == made_with(0.3)


def test_motions_that_are_not_finite_are_worth_the_least(validation: DecodedValidation) -> None:
    broken = validation.measure(
        lambda captions, _frames, _seed: _of(captions, lambda mean_D: mean_D * np.nan)
    )
    assert broken == {DECODED: WORST}


def test_captions_lengths_and_seed_are_the_same_every_time(validation: DecodedValidation) -> None:
    asked = []

    def generate(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> Motions:
        asked.append((list(captions), list(frames), seed))
        return _of(captions, lambda mean_D: mean_D)

    first, second = validation.measure(generate), validation.measure(generate)
    assert first == second
    assert asked[0] == asked[1]
    assert asked[0][1] == [8] * 40


def test_fewer_items_than_a_batch_are_one_batch(items: list[Item]) -> None:
    statistics = FeatureStatistics(np.zeros(WIDTH, dtype=np.float32), np.ones(WIDTH, dtype=np.float32))
    few = DecodedValidation.of(items[:5], statistics, ByMean(), Evaluate())
    found = few.measure(lambda captions, _frames, _seed: _of(captions, lambda mean_D: mean_D))
    assert found["val_r_precision_1"] == 1.0


def test_the_number_that_decides_knows_no_unit() -> None:
    true_NE = np.random.default_rng(0).normal(size=(50, 3))
    variance = true_NE.var(axis=0).sum()
    assert decoded_score([0.3, 0.5, 0.7], 0.1 * variance, true_NE) == pytest.approx(0.4)
    assert decoded_score([0.3, 0.5, 0.7], 10 * variance, 10 * true_NE) == pytest.approx(0.4)
