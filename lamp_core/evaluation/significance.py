"""What several trainings of one system tell: their mean, and which differences chance alone explains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

UPPER = 0.975
"""Quantile of a two-sided test, and of an interval, at 95 %."""


@dataclass(frozen=True)
class Value:
    """A value with half of its 95 % interval.

    Args:
        value: of one training, or the mean of several.
        interval: over the trainings where there are several, else over the repeats of the evaluation; None
            when there is none (measured once).
        trainings: behind the value.
    """

    value: float
    interval: float | None
    trainings: int = 1


def over_trainings(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval by Student's t: t(0.975, n - 1) s / sqrt(n).

    The interval of a single value is not known, NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    count = len(array)
    half = _quantile(count - 1) * array.std(ddof=1) / math.sqrt(count) if count > 1 else math.nan
    return float(array.mean()), float(half)


def largest_by_chance(one: Value, other: Value) -> float:
    """The largest difference of two values that is none: a larger one is significant, at 5 %.

    Of several trainings each by Welch's t-test, which grants the two other spreads. Of one training the two
    half intervals together, which hold the repeats of the evaluation and not what another seed would change.
    """
    if min(one.trainings, other.trainings) < 2:
        return (one.interval or 0.0) + (other.interval or 0.0)
    freedoms = [each.trainings - 1 for each in (one, other)]
    errors = [
        (each.interval or 0.0) / _quantile(freedom)
        for each, freedom in zip((one, other), freedoms, strict=True)
    ]
    variance = sum(error**2 for error in errors)
    if not variance:
        return 0.0
    weights = sum(error**4 / freedom for error, freedom in zip(errors, freedoms, strict=True))
    return _quantile(variance**2 / weights) * math.sqrt(variance)


def _quantile(freedom: float) -> float:
    return float(stdtrit(freedom, UPPER))
