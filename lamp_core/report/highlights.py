"""The figures under the report's title: one of each task that was measured."""

from collections.abc import Sequence

from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.catalogue import KINDS, Kind, Metric, kind_of
from lamp_core.evaluation.results import Result
from lamp_core.report.report_data import Highlight


def highlights(results: Sequence[Result]) -> list[Highlight]:
    """Return the first system's figure of each kind that has a highlight, floors and ceilings beside it.

    What was not measured has no highlight; the tables say why.
    """
    found = []
    for name, kind in KINDS.items():
        metric = kind.metric(kind.highlight)
        rows = [
            row for row in results if kind_of(row) == name and row.metric == kind.highlight and row.measured
        ]
        if metric is not None and any(not is_baseline(row.system) for row in rows):
            found.append(_highlight(kind, metric, rows))
    return found


def _highlight(kind: Kind, metric: Metric, rows: Sequence[Result]) -> Highlight:
    system = next(row for row in rows if not is_baseline(row.system))
    beside = [f"{row.system} {metric.shown(row.value)}" for row in rows if is_baseline(row.system)]
    label = f"{kind.title}, {metric.name}"
    return Highlight(label, metric.shown(system.value), metric.unit, ", ".join(beside))
