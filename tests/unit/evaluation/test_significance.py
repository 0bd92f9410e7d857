"""Several trainings against scipy's own intervals and tests."""

import math

import numpy as np
import pytest
from scipy import stats

from lamp_core.evaluation.significance import Value, largest_by_chance, over_trainings


def of(values: list[float]) -> Value:
    return Value(*over_trainings(values), len(values))


def test_the_interval_over_trainings_is_students() -> None:
    values = [43.8, 39.6, 41.0]
    mean, half = over_trainings(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert math.isnan(over_trainings([43.8])[1])


@pytest.mark.parametrize("counts", [(3, 3), (3, 5), (2, 8)])
def test_a_difference_is_significant_where_welchs_test_says_so(counts: tuple[int, int]) -> None:
    draws = np.random.default_rng(sum(counts))
    judged = set()
    for gap in np.linspace(0.0, 6.0, 40):
        one = list(draws.normal(0.0, 0.5, counts[0]))
        other = list(draws.normal(gap, 1.5, counts[1]))
        is_one = abs(np.mean(one) - np.mean(other)) > largest_by_chance(of(one), of(other))
        assert is_one == (stats.ttest_ind(one, other, equal_var=False).pvalue < 0.05)
        judged.add(is_one)
    assert judged == {True, False}


def test_one_training_is_judged_by_both_intervals_and_equal_trainings_differ_by_anything() -> None:
    assert largest_by_chance(Value(1.0, 0.25), Value(2.0, 0.5)) == 0.75
    assert largest_by_chance(Value(1.0, 0.25, 3), Value(2.0, None)) == 0.25
    assert largest_by_chance(of([1.0, 1.0, 1.0]), of([2.0, 2.0])) == 0.0
