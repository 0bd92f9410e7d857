"""Which way a number moves from a row to the next, measured and published: their signs stand side by side."""

import re
from dataclasses import dataclass
from typing import Literal

from lamp_core.config.experiment import MetricColumn
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.significance import Value, largest_by_chance

NUMERAL = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
PUBLISHED_VALUE = re.compile(rf"\s*({NUMERAL})(?:\s*(?:±|\+/-)\s*({NUMERAL}))?")
ROUNDING = 1 + 1e-9
"""Intervals that touch, such as 0.824 ± .002 and 0.828 ± .002, count as overlapping."""
JUDGED = {
    "higher": {"up": "better", "down": "worse", "none": "no difference"},
    "lower": {"up": "worse", "down": "better", "none": "no difference"},
}


def measured_value(number: Result, trainings: int = 1) -> Value:
    """A measured number."""
    has_interval = trainings > 1 or number.repeats > 1
    return Value(number.value, number.interval if has_interval else None, trainings)


def published_value(text: str) -> Value | None:
    """Read ``0.557 ± .003`` or ``60.81 %``, a share; None when the text does not begin with a number."""
    found = PUBLISHED_VALUE.match(text)
    if found is None:
        return None
    factor = 0.01 if "%" in text else 1.0
    return Value(factor * float(found[1]), factor * float(found[2]) if found[2] else None)


@dataclass(frozen=True)
class Change:
    """From the row before to a row.

    Args:
        difference: of the values.
        direction: ``none`` when chance alone makes such a difference (`largest_by_chance`), or when it is
            shown as zero.
        has_interval: whether both values have one.
    """

    difference: float
    direction: Literal["up", "down", "none"]
    has_interval: bool

    @classmethod
    def between(cls, before: Value, after: Value, column: MetricColumn) -> "Change":
        """The change from one value of a column to another."""
        difference = after.value - before.value
        chance = largest_by_chance(before, after)
        shown = 0.5 * 10.0**-column.decimals / column.factor
        inside = abs(difference) <= max(chance, shown) * ROUNDING
        has_interval = before.interval is not None and after.interval is not None
        return cls(difference, "none" if inside else "up" if difference > 0 else "down", has_interval)

    def shown(self, column: MetricColumn) -> str:
        """``+1.2 % (better)``, ``+0.1 % (no difference)``, ``-0.3 (worse, no interval)``."""
        judged = JUDGED[column.direction][self.direction] + ("" if self.has_interval else ", no interval")
        unit = f" {column.unit}" if column.unit else ""
        return f"{self.difference * column.factor:+.{column.decimals}f}{unit} ({judged})"


@dataclass(frozen=True)
class Verdict:
    """A column's change in a row, and whether the published one has the same direction.

    Args:
        row: label.
        column: the metric; higher or lower is better.
        ours: the measured change.
        paper: the published change; None without published values.
    """

    row: str
    column: MetricColumn
    ours: Change
    paper: Change | None

    @property
    def agreement(self) -> str:
        """``same direction``, ``other direction``, or where there is no difference; empty without a paper."""
        if self.paper is None:
            return ""
        ours, paper = self.ours.direction, self.paper.direction
        if "none" in {ours, paper}:
            where = "in both" if ours == paper else "here" if ours == "none" else "in the paper"
            return f"no difference {where}"
        return "same direction" if ours == paper else "other direction"
