"""The law of model and data sizes: known constants come back, and intervals hold what they say they hold."""

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.scaling_law import fit_scaling_law

MODELS, DATA = np.meshgrid([3e5, 7e5, 1.6e6, 4e6], [5e3, 1e4, 2e4, 4e4])
MODELS_P, DATA_P = MODELS.ravel(), DATA.ravel()
NEXT_1, NEXT_DATA_1 = np.array([8e6]), np.array([8e4])


def true_loss(models_P: np.ndarray, data_P: np.ndarray) -> np.ndarray:
    return 1.2 + 80 * models_P**-0.38 + 30 * data_P**-0.42


def test_known_constants_come_back_and_without_noise_there_is_no_doubt() -> None:
    law = fit_scaling_law(MODELS_P, DATA_P, true_loss(MODELS_P, DATA_P), replicas=5)
    found = {name: interval.value for name, interval in law.constants().items()}
    assert found == pytest.approx({"E": 1.2, "A": 80, "alpha": 0.38, "B": 30, "beta": 0.42}, rel=1e-3)
    assert law.spread < 1e-6
    (predicted,) = law.predicted(NEXT_1, NEXT_DATA_1).intervals()
    assert predicted.value == pytest.approx(true_loss(NEXT_1, NEXT_DATA_1)[0], rel=1e-4)
    assert predicted.high - predicted.low < 1e-3


def test_a_size_that_does_not_matter_costs_nothing() -> None:
    law = fit_scaling_law(MODELS_P, DATA_P, 1.2 + 30 * DATA_P**-0.42, replicas=5)
    (one, other) = law.expected(np.array([3e5, 4e6]), np.array([1e4, 1e4])).value_S
    assert one == pytest.approx(other, rel=1e-3)


def test_intervals_hold_the_next_size_and_its_noise() -> None:
    """At 95 % each; of ten data sets, four outside would have a chance of one in a thousand."""
    held_law = held_training = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        noise_P = np.exp(0.005 * random.standard_normal(len(MODELS_P)))
        law = fit_scaling_law(MODELS_P, DATA_P, true_loss(MODELS_P, DATA_P) * noise_P, replicas=40)
        truth = float(true_loss(NEXT_1, NEXT_DATA_1)[0])
        (expected,) = law.expected(NEXT_1, NEXT_DATA_1).intervals()
        (predicted,) = law.predicted(NEXT_1, NEXT_DATA_1).intervals()
        assert law.spread == pytest.approx(0.005, rel=0.7)
        held_law += expected.holds(truth)
        held_training += predicted.holds(truth * np.exp(0.005 * random.standard_normal()))
    assert held_law >= 7 and held_training >= 7


def test_the_residual_widens_a_prediction_and_the_same_seed_gives_the_same() -> None:
    noise_P = np.exp(0.02 * np.random.default_rng(3).standard_normal(len(MODELS_P)))
    laws = [
        fit_scaling_law(MODELS_P, DATA_P, true_loss(MODELS_P, DATA_P) * noise_P, replicas=60)
        for _ in range(2)
    ]
    at = (MODELS_P[5:6], DATA_P[5:6])
    (expected,), (predicted,) = (band.intervals() for band in (laws[0].expected(*at), laws[0].predicted(*at)))
    assert predicted.high - predicted.low > 1.5 * (expected.high - expected.low)
    assert laws[1].predicted(*at).intervals() == [predicted]


@pytest.mark.parametrize(
    ("models", "data", "losses", "words"),
    [
        (
            (),
            (),
            (),
            "0 rows of 0 sizes of the model and 0 of the data; .* needs at least 6, of 3 sizes each",
        ),
        ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5), (5, 4, 3, 2, 1), "5 rows of 5 sizes"),
        ((1, 2, 1, 2, 1, 2), (1, 1, 2, 2, 3, 3), (6, 5, 4, 3, 2, 1), "6 rows of 2 sizes of the model and 3"),
        ((1, 2, 3, 1, 2, 3), (1, 1, 2, 2, 3, 3), (6, 5, 4, 3, 2, 0), "not above 0"),
        ((1, 2, 3, 1, 2, 3), (1, 1, 2, 2, 3, 3), (6, 5, 4, 3, 2, float("nan")), "not above 0"),
    ],
)
def test_what_cannot_be_fitted_is_told_in_a_line(models, data, losses, words) -> None:
    with pytest.raises(LampError, match=words):
        fit_scaling_law(models, data, losses)
