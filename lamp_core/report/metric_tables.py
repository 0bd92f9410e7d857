"""Tables of measured numbers: systems as rows, metrics as columns, one protocol and one evaluator a table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import GROUND_TRUTH, is_baseline
from lamp_core.evaluation.catalogue import Direction, Metric
from lamp_core.report.noise import noise_remarks

if TYPE_CHECKING:
    from lamp_core.evaluation.results import Result

NOT_MEASURED = "not measured: "
DENSE_FROM, DENSER_FROM = 6, 10
"""Tables with more columns are set narrower, and narrower still."""


@dataclass(frozen=True)
class Cell:
    """A value with half of its 95 % interval; one that is not finite was not measured, `note` says why."""

    value: float
    interval: float = 0.0
    note: str = ""
    best: bool = False

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class Row:
    """A system with a cell a column (None: does not apply); baselines are set apart and never ranked."""

    system: str
    cells: Sequence[Cell | None]
    baseline: bool = False


@dataclass(frozen=True)
class RowGroup:
    """Rows under a heading of their own, such as the direction of a retrieval; no heading when empty."""

    heading: str
    rows: Sequence[Row]


def columns_with_intervals(columns: Sequence[Metric], groups: Sequence[RowGroup]) -> list[bool]:
    """Return for each column whether any row has an interval there."""
    cells = [[row.cells[place] for group in groups for row in group.rows] for place in range(len(columns))]
    return [any(cell and cell.measured and cell.interval > 0 for cell in column) for column in cells]


@dataclass(frozen=True)
class PublishedRows:
    """Rows of a paper's table under the columns of ours; they are never ranked with ours.

    Args:
        source: paper and table.
        data: data set that was measured.
        evaluator: that measured.
        columns: those of ours that the paper has.
        groups: as in `MetricTable`.
        note: what the paper leaves open or misprints.
    """

    source: str
    data: str
    evaluator: str
    columns: Sequence[Metric]
    groups: Sequence[RowGroup]
    note: str = ""

    @property
    def intervals(self) -> list[bool]:
        """See `columns_with_intervals`."""
        return columns_with_intervals(self.columns, self.groups)


@dataclass(frozen=True)
class MetricTable:
    """Numbers of one protocol and one evaluator.

    Args:
        title: heading.
        columns: the metrics.
        groups: the systems, in the order shown.
        protocol: as in `Result`.
        evaluator: as in `Result`.
        repeats: ``20``, or a range when systems differ.
        items: ``460``, or a range when systems differ.
        note: a sentence under the heading.
        remarks: under the table: what was not measured and why, what was left out.
        chart: metric of the column that is also drawn as bars; empty for none.
        published: numbers of papers for the same metrics.
    """

    title: str
    columns: Sequence[Metric]
    groups: Sequence[RowGroup]
    protocol: str = ""
    evaluator: str = ""
    repeats: str = ""
    items: str = ""
    note: str = ""
    remarks: Sequence[str] = ()
    chart: str = ""
    published: Sequence[PublishedRows] = ()

    @property
    def rows(self) -> list[Row]:
        """The rows of all groups."""
        return [row for group in self.groups for row in group.rows]

    @property
    def intervals(self) -> list[bool]:
        """See `columns_with_intervals`."""
        return columns_with_intervals(self.columns, self.groups)

    @property
    def density(self) -> str:
        """How close the columns are set, by their number."""
        columns = len(self.columns)
        return "dense denser" if columns > DENSER_FROM else "dense" if columns > DENSE_FROM else ""


def metric_table(
    title: str,
    results: Sequence["Result"] | Mapping[str, Sequence["Result"]],
    columns: Sequence[Metric],
    *,
    note: str = "",
    chart: str = "",
) -> MetricTable:
    """Lay results out as a table: a row a system, a column a metric.

    The ground truth comes first, then the systems in the order of their first appearance. Of systems that are
    no baselines, the best value of each column is marked when there are two or more.

    Args:
        title: heading.
        results: of one protocol and one evaluator, or groups of them by heading; metrics without a column
            are left out.
        columns: in order; those that no system has are left out.
        note: a sentence under the heading.
        chart: metric that is also drawn as bars, when it was measured.

    Raises:
        LampError: the results mix protocols or evaluators, which never share a table.
    """
    grouped = results if isinstance(results, Mapping) else {"": results}
    every = [result for group in grouped.values() for result in group]
    kinds = {(result.protocol, result.evaluator) for result in every}
    if len(kinds) != 1:
        raise LampError(f"table {title!r}: results of one protocol and evaluator only, got {sorted(kinds)}")
    ((protocol, evaluator),) = kinds
    measured = {result.metric for result in every}
    kept = [column for column in columns if column.name in measured]
    return MetricTable(
        title=title,
        columns=kept,
        groups=[RowGroup(heading, _rows(group, kept)) for heading, group in grouped.items()],
        protocol=protocol,
        evaluator=evaluator,
        repeats=_range([result.repeats for result in every if math.isfinite(result.value)]),
        items=_range([result.items for result in every]),
        note=note,
        remarks=[*_noise(grouped, kept), *remarks(every, kept)],
        chart=chart if chart in {column.name for column in kept} else "",
    )


def _noise(grouped: Mapping[str, Sequence["Result"]], columns: Sequence[Metric]) -> list[str]:
    """What is noise in each group, behind its heading."""
    return [
        f"{heading}: {remark}" if heading else remark
        for heading, group in grouped.items()
        for remark in noise_remarks(group, columns)
    ]


def remarks(results: Iterable["Result"], columns: Sequence[Metric]) -> list[str]:
    """Each part of the notes once, with the systems it is said of, and the metrics where not of all."""
    headings = {column.name: column.heading for column in columns}
    shown = [result for result in results if result.metric in headings]
    metrics_of: dict[str, dict[str, list[str]]] = {}
    for result in shown:
        for part in filter(None, result.note.split("; ")):
            of_system = metrics_of.setdefault(part, {}).setdefault(result.system, [])
            of_system += [result.metric] if result.metric not in of_system else []
    all_metrics: dict[str, set[str]] = {}
    for result in shown:
        all_metrics.setdefault(result.system, set()).add(result.metric)
    lines = []
    for part, of_systems in metrics_of.items():
        systems_of: dict[str, list[str]] = {}
        for system, metrics in of_systems.items():
            some = (
                "" if set(metrics) == all_metrics[system] else ", ".join(headings[name] for name in metrics)
            )
            systems_of.setdefault(some, []).append(system)
        lines += [_remark(part, systems, some) for some, systems in systems_of.items()]
    return lines


def _remark(part: str, systems: Sequence[str], metrics: str) -> str:
    about = ", ".join(systems) + (f" ({metrics})" if metrics else "")
    return f"{about}: {part}"


def _rows(results: Sequence["Result"], columns: Sequence[Metric]) -> list[Row]:
    cells = {(result.system, result.metric): _cell(result, columns) for result in results}
    systems = sorted(
        dict.fromkeys(result.system for result in results), key=lambda name: name != GROUND_TRUTH
    )
    rows = [
        Row(system, [cells.get((system, column.name)) for column in columns], is_baseline(system))
        for system in systems
    ]
    return mark_best(rows, columns)


def mark_best(rows: Sequence[Row], columns: Sequence[Metric]) -> list[Row]:
    """Mark the best value of each column among rows that are no baselines, where two or more have one."""
    best_of = [_best(rows, place, column.direction) for place, column in enumerate(columns)]
    return [
        replace(
            row,
            cells=[
                replace(cell, best=True) if cell and not row.baseline and cell.value == best else cell
                for cell, best in zip(row.cells, best_of, strict=True)
            ],
        )
        for row in rows
    ]


def _best(rows: Sequence[Row], place: int, direction: Direction) -> float | None:
    column = [(row, row.cells[place]) for row in rows]
    values = [cell.value for row, cell in column if cell and cell.measured and not row.baseline]
    truth = [cell.value for row, cell in column if cell and cell.measured and row.system == GROUND_TRUTH]
    if len(values) < 2 or direction == "neither" or (direction == "closer" and not truth):
        return None
    if direction == "closer":
        return min(values, key=lambda value: abs(value - truth[0]))
    return max(values) if direction == "higher" else min(values)


def _cell(result: "Result", columns: Sequence[Metric]) -> Cell | None:
    factors = [column.factor for column in columns if column.name == result.metric]
    return Cell(result.value * factors[0], result.interval * factors[0], result.note) if factors else None


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts, default=0), max(counts, default=0)
    return str(low) if low == high else f"{low} to {high}"
