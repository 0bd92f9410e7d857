"""Whether evaluators rank systems alike: ranks, rank correlation, and whose place depends on who measures.

Shapes: S systems.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.catalogue import KINDS, Metric, metric_of
from lamp_core.evaluation.significance import Value, largest_by_chance
from lamp_core.report.experiment_directions import measured_value
from lamp_core.report.experiment_results import ExperimentResults
from lamp_core.report.metric_tables import MetricTable
from lamp_core.report.tables import ARROWS, TextTable

JUDGED = ("R-Precision top 3", "FID")
PREFIXES = ("MiniLM-", "LaMP-")
ALIKE, BY_CHANCE, DEPENDS = "the same", "by chance", "depends on the evaluator"
ABOUT = (
    "Rank by each evaluator. Depends on the evaluator: a system is before another by one and behind it by "
    "another, neither by chance; what evaluators do not agree on is no result. By chance: they differ, "
    "within the intervals."
)


@dataclass(frozen=True)
class Judgement:
    """A number of a system by one evaluator; only those of one protocol are set beside each other."""

    protocol: str
    metric: str
    evaluator: str
    system: str
    value: Value


def judgements_of(tables: Iterable[MetricTable]) -> Iterator[Judgement]:
    """What measured tables hold of systems that are no baselines."""
    for table in tables:
        for row in (row for row in table.rows if not is_baseline(row.system)):
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell is not None and cell.measured:
                    value = Value(cell.value / column.factor, cell.interval / column.factor)
                    yield Judgement(table.protocol, column.name, table.evaluator, row.system, value)


def judgements_of_rows(experiment: ExperimentResults) -> Iterator[Judgement]:
    """What the rows of an experiment were measured by evaluators that they share; a row is a system."""
    for row in experiment.record.rows:
        for number in experiment.of(row):
            metric, system = metric_of(number), row.shown_as(number.system)
            if (
                metric is None
                or system is None
                or metric.ruler == "own model"
                or is_baseline(number.system)
                or not number.measured
            ):
                continue
            place = f"{number.protocol}; {system}; {row.measured_on}"
            value = measured_value(number, row.trainings)
            yield Judgement(place, number.metric, number.evaluator, row.label, value)


def second_opinions(judgements: Iterable[Judgement]) -> list[TextTable]:
    """A table a protocol and judged metric, where two evaluators rank the same two systems or more."""
    found: dict[tuple[str, str], dict[str, dict[str, Value]]] = {}
    for each in judgements:
        metric = next(
            (each.metric.removeprefix(prefix) for prefix in PREFIXES if each.metric.startswith(prefix)),
            each.metric,
        )
        if metric in JUDGED:
            found.setdefault((each.protocol, metric), {}).setdefault(each.evaluator, {})[each.system] = (
                each.value
            )
    return [
        _table(metric, by_evaluator)
        for (_, metric), by_evaluator in found.items()
        if len(by_evaluator) > 1 and len(_common(by_evaluator)) > 1
    ]


def _table(name: str, by_evaluator: Mapping[str, Mapping[str, Value]]) -> TextTable:
    metric = KINDS["text to motion"].metric(name)
    assert metric is not None
    systems, evaluators = _common(by_evaluator), list(by_evaluator)
    badness = {
        evaluator: _badness([by_evaluator[evaluator][system] for system in systems], metric)
        for evaluator in evaluators
    }
    orders = _orders(systems, by_evaluator, metric)
    rows = []
    for place, system in enumerate(systems):
        cells = [
            f"{1 + int((badness[evaluator] < badness[evaluator][place]).sum())} "
            f"({metric.shown(by_evaluator[evaluator][system].value)})"
            for evaluator in evaluators
        ]
        rows.append([system, *cells, orders[system]])
    notes = [
        _correlated(one, other, badness[one], badness[other]) for one, other in combinations(evaluators, 2)
    ]
    title = f"Second opinion: {metric.named} {ARROWS[metric.direction]}"
    return TextTable(title, ["", *evaluators, "order"], rows, [ABOUT, *notes])


def _common(by_evaluator: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """Systems that all evaluators measured, in the order of the first."""
    first, *others = by_evaluator.values()
    return [system for system in first if all(system in other for other in others)]


def _badness(values: Sequence[Value], metric: Metric) -> np.ndarray:
    """(S,) that is least of the best."""
    sign = -1.0 if metric.direction == "higher" else 1.0
    return sign * np.array([value.value for value in values])


def _correlated(one: str, other: str, first_S: np.ndarray, second_S: np.ndarray) -> str:
    from scipy.stats import kendalltau, spearmanr

    if min(np.ptp(first_S), np.ptp(second_S)) == 0:
        return f"{one} and {other}: no order to compare, one of them finds all equal"
    tau, rho = kendalltau(first_S, second_S).statistic, spearmanr(first_S, second_S).statistic
    return f"{one} and {other}: Kendall's tau {tau:.2f}, Spearman's rho {rho:.2f}, of {len(first_S)} systems"


def _orders(
    systems: Sequence[str], by_evaluator: Mapping[str, Mapping[str, Value]], metric: Metric
) -> dict[str, str]:
    """For each system whether its place beside another depends on the evaluator."""
    told = dict.fromkeys(systems, ALIKE)
    for one, other in combinations(systems, 2):
        pairs = [(values[one], values[other]) for values in by_evaluator.values()]
        gaps = [first.value - second.value for first, second in pairs]
        if {*np.sign(gaps)} - {0.0} == {-1.0, 1.0}:
            sure = {
                np.sign(gap)
                for gap, pair in zip(gaps, pairs, strict=True)
                if abs(gap) > largest_by_chance(*pair)
            }
            for system in (one, other):
                told[system] = DEPENDS if len(sure) > 1 or told[system] == DEPENDS else BY_CHANCE
    return told
