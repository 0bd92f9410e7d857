"""What a table says of differences that are noise: of the choice of the test motions, or of the repeats."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from lamp_core.evaluation.baselines import OTHER_HALF, is_baseline
from lamp_core.evaluation.significance import Value, largest_by_chance

if TYPE_CHECKING:
    from lamp_core.evaluation.catalogue import Metric
    from lamp_core.evaluation.results import Result


def noise_remarks(results: "Sequence[Result]", columns: "Sequence[Metric]") -> list[str]:
    """Which systems are as near to the truth as its own halves, or differ by less than these spread or than
    their own intervals together.

    The spread is that of single draws, 1.96 standard deviations; the row has the interval of their mean.
    """
    floors = {row.metric: row for row in results if row.system == OTHER_HALF and row.measured}
    of_halves = [
        remark
        for column in columns
        if column.name in floors
        for remark in _of_column(column, floors[column.name], _ranked(results, column.name))
    ]
    others = [column for column in columns if column.name not in floors and column.direction != "neither"]
    return [*of_halves, *_inside_intervals(results, others)]


def _inside_intervals(results: "Sequence[Result]", columns: "Sequence[Metric]") -> Iterator[str]:
    """For each pair of systems the columns in which their intervals do not keep them apart."""
    alike: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        for one, other in combinations(_ranked(results, column.name), 2):
            values = [Value(row.value, row.interval) for row in (one, other)]
            if min(one.interval, other.interval) > 0 and abs(one.value - other.value) <= largest_by_chance(
                *values
            ):
                alike.setdefault((one.system, other.system), []).append(column.heading)
    for (first, second), headings in alike.items():
        yield f"{first} and {second} differ by less than their intervals together in {', '.join(headings)}"


def _ranked(results: "Sequence[Result]", metric: str) -> "list[Result]":
    return [row for row in results if row.metric == metric and row.measured and not is_baseline(row.system)]


def _of_column(column: "Metric", floor: "Result", rows: "Sequence[Result]") -> Iterator[str]:
    spread = floor.interval * math.sqrt(floor.repeats)
    told = f"{column.shown(floor.value)} ± {column.shown(spread)}"
    near = [row.system for row in rows if row.value <= floor.value + spread]
    if near:
        yield f"{column.name}: {', '.join(near)} within the noise of the truth itself ({OTHER_HALF}: {told})"
    for one, other in combinations(rows, 2):
        if abs(one.value - other.value) <= spread:
            yield (
                f"{column.name}: {one.system} and {other.system} differ by less than random halves of the "
                f"truth spread (± {column.shown(spread)})"
            )
