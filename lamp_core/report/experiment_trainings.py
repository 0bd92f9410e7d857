"""The trainings of an experiment's row as one: means over the seeds, and intervals over them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.significance import over_trainings
from lamp_core.report.experiment_results import ExperimentResults, RowRecord

Key = tuple[str, str, str, str]


def over_seeds(experiment: ExperimentResults) -> ExperimentResults:
    """The experiment with a record a row, in place of one a training.

    Its numbers are means over the trainings that finished, with the interval over them. A number that not all
    of them have is none, and its note says in how many it is. What no training changes (the ground truth by a
    common evaluator) keeps the interval of its repeats. Trainings that were measured on different data stay
    apart.
    """
    grouped: dict[tuple[str, tuple[str, ...]], list[RowRecord]] = {}
    for row in experiment.record.rows:
        known = [place for label, place in grouped if label == row.of_row]
        place = row.measured_on if row.state == "finished" or not known else known[0]
        grouped.setdefault((row.of_row, place), []).append(row)
    rows, numbers = [], {}
    for trainings in grouped.values():
        merged = _merged(trainings)
        if merged.label in numbers:
            merged = merged.model_copy(update={"label": trainings[0].label})
        rows.append(merged)
        numbers[merged.label] = _numbers(experiment, trainings)
    return ExperimentResults(experiment.record.model_copy(update={"rows": tuple(rows)}), numbers)


def _merged(trainings: Sequence[RowRecord]) -> RowRecord:
    """A record for all trainings of a row: finished where one is, and what is said of those that did not."""
    finished = [row for row in trainings if row.state == "finished"]
    first = (finished or sorted(trainings, key=lambda row: row.state != "failed"))[0]
    if len(trainings) == 1:
        return first
    lost = [f"seed {row.seed} {row.told}" for row in trainings if row.state != "finished"]
    said = f"{len(finished)} of {len(trainings)} trainings; {', '.join(lost)}" if finished and lost else ""
    values = {"label": first.of_row, "trainings": max(1, len(finished)), "error": said or first.error}
    return first.model_copy(update=values)


def _numbers(experiment: ExperimentResults, trainings: Sequence[RowRecord]) -> list[Result]:
    finished = [experiment.of(row) for row in trainings if row.state == "finished"]
    found: dict[Key, list[Result]] = {}
    for number in (number for numbers in finished for number in numbers):
        key = (number.system, number.metric, number.protocol, number.evaluator)
        found.setdefault(key, []).append(number)
    return [_mean(numbers, len(finished)) for numbers in found.values()]


def _mean(numbers: Sequence[Result], trainings: int) -> Result:
    first = numbers[0]
    if trainings == 1 or (is_baseline(first.system) and _are_equal(numbers)):
        return first
    measured = [number.value for number in numbers if number.measured]
    note = f"measured in {len(measured)} of {trainings} trainings"
    value, interval = over_trainings(measured) if len(measured) == trainings else (math.nan, math.nan)
    fewest = {name: min(getattr(number, name) for number in numbers) for name in ("items", "repeats")}
    said = first.note if len(measured) == trainings else note
    return replace(first, value=value, interval=interval, note=said, **fewest)


def _are_equal(numbers: Iterable[Result]) -> bool:
    return len({repr(number.value) for number in numbers}) == 1
