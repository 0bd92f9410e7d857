"""Which tables the results of an evaluation make: columns as the catalogue has them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lamp_core.evaluation.catalogue import DIRECTIONS, KINDS, Kind, Metric, kind_of, without_direction
from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import MetricTable, metric_table
from lamp_core.report.published import published_under


def result_tables(results: Sequence[Result]) -> list[MetricTable]:
    """Return a table for each protocol and evaluator, in the order of `KINDS`, no result left out.

    A kind that the catalogue does not know, or a metric that it does not, is shown under its own name without
    an arrow.
    """
    grouped: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        grouped.setdefault((kind_of(result), result.protocol, result.evaluator), []).append(result)
    order = [*KINDS]
    places = {kind: order.index(kind) if kind in KINDS else len(order) for kind, _, _ in grouped}
    return [
        _table(kind, grouped[kind, protocol, evaluator])
        for kind, protocol, evaluator in sorted(grouped, key=lambda key: places[key[0]])
    ]


def _table(name: str, results: Sequence[Result]) -> MetricTable:
    kind = KINDS.get(name, Kind("", name.capitalize(), ()))
    has_directions = any(result.metric.startswith(DIRECTIONS) for result in results)
    groups: Mapping[str, Sequence[Result]] = _by_direction(results) if has_directions else {"": results}
    known = {metric.name for metric in kind.metrics}
    found = dict.fromkeys(result.metric for group in groups.values() for result in group)
    columns = [*kind.metrics, *(Metric(name) for name in found if name not in known)]
    table = metric_table(kind.title, groups, columns, note=kind.note, chart=kind.chart)
    return replace(table, published=published_under(name, kind.metrics))


def _by_direction(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of a retrieval by direction, their metrics without its name; others have no heading."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        direction = next((name for name in DIRECTIONS if result.metric.startswith(name)), "")
        groups.setdefault(direction, []).append(replace(result, metric=without_direction(result.metric)))
    return groups
