"""What a table says of differences that the choice of the test motions alone could make."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from lamp_core.evaluation.baselines import OTHER_HALF, is_baseline

if TYPE_CHECKING:
    from lamp_core.evaluation.catalogue import Metric
    from lamp_core.evaluation.results import Result


def noise_remarks(results: "Sequence[Result]", columns: "Sequence[Metric]") -> list[str]:
    """Which systems are as near to the truth as its own halves, or differ by less than these spread.

    The spread is that of single draws, 1.96 standard deviations; the row has the interval of their mean.
    """
    floors = {row.metric: row for row in results if row.system == OTHER_HALF and row.measured}
    return [
        remark
        for column in columns
        if column.name in floors
        for remark in _of_column(column, floors[column.name], _ranked(results, column.name))
    ]


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
