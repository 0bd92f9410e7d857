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
    tables = (_table(metric, by_evaluator) for (_, metric), by_evaluator in found.items())
    return [table for table in tables if table is not None]


def _table(name: str, by_evaluator: Mapping[str, Mapping[str, Value]]) -> TextTable | None:
    """Ranks and correlations; None where no two evaluators measured two systems or more in common.

    Evaluators are compared in pairs, each on what both measured: one that saw fewer systems takes none from
    the others.
    """
    metric = KINDS["text to motion"].metric(name)
    assert metric is not None
    common = {
        (one, other): [system for system in by_evaluator[one] if system in by_evaluator[other]]
        for one, other in combinations(by_evaluator, 2)
    }
    common = {pair: systems for pair, systems in common.items() if len(systems) > 1}
    evaluators = [name for name in by_evaluator if any(name in pair for pair in common)]
    systems = list(dict.fromkeys(system for shared in common.values() for system in shared))
    if not systems:
        return None
    orders = _orders(systems, by_evaluator, metric)
    ranks = {evaluator: _ranks(by_evaluator[evaluator], systems, metric) for evaluator in evaluators}
    rows = [
        [system, *(ranks[evaluator].get(system, "–") for evaluator in evaluators), orders[system]]
        for system in systems
    ]
    notes = [
        _correlated(*pair, *(_badness([by_evaluator[one][each] for each in shared], metric) for one in pair))
        for pair, shared in common.items()
    ]
    title = f"Second opinion: {metric.named} {ARROWS[metric.direction]}"
    return TextTable(title, ["", *evaluators, "order"], rows, [ABOUT, *notes])


def _ranks(values: Mapping[str, Value], systems: Sequence[str], metric: Metric) -> dict[str, str]:
    """Rank and value of those of the systems that an evaluator measured."""
    measured = [system for system in systems if system in values]
    badness_S = _badness([values[system] for system in measured], metric)
    return {
        system: f"{1 + int((badness_S < badness).sum())} ({metric.shown(values[system].value)})"
        for system, badness in zip(measured, badness_S, strict=True)
    }


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
        seen = [values for values in by_evaluator.values() if one in values and other in values]
        pairs = [(values[one], values[other]) for values in seen]
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
