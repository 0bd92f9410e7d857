"""Tracked runs side by side: what differs between them first, then their metrics and which way each moved.

A metric is judged against the first run, and only where both were measured on the same: the data, and the
evaluator for what it measures. The sign alone is judged; whether a difference is more than chance, intervals
and other seeds tell.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamp_core.evaluation.baselines import GROUND_TRUTH
from lamp_core.evaluation.catalogue import direction_at, metric_at
from lamp_core.evaluation.results import key_of
from lamp_core.report.tables import ARROWS, TextTable, csv_text

if TYPE_CHECKING:
    from mlflow.entities import Run

DATA = ("data", "data_version", "evaluator_version")
PARAMETERS = ("profile",)
CODE = ("git_commit", "git_dirty")
ORIGIN = ("experiment", "row", "device", "machine", "ran")
DIFFERENCES, METRICS, SYSTEM = "Differences of parameters and data", "Metrics", "The machine, last sample"
SYSTEM_PREFIX = "system/"
SAME, BETTER, WORSE = "same", "better", "worse"


@dataclass(frozen=True)
class TrackedRun:
    """What is compared of a run: its label, where it comes from, its parameters and its last metrics."""

    label: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, run: "Run") -> "TrackedRun":
        """A run of MLflow's store."""
        label = f"{run.info.run_name} {run.info.run_id[:8]}"
        return cls(label, run.data.tags, run.data.params, run.data.metrics)

    @property
    def origin(self) -> dict[str, str]:
        """Data, parameters and code, in the order in which differences are read."""
        first = {name: self.tags.get(name, "") for name in (*DATA, *PARAMETERS)}
        return {**first, **self.params, **{name: self.tags.get(name, "") for name in (*CODE, *ORIGIN)}}

    def same_data(self, other: "TrackedRun") -> bool:
        """Whether both were made of the same version of the same data."""
        return all(self.tags.get(name) == other.tags.get(name) for name in ("data", "data_version"))

    def same_evaluator(self, other: "TrackedRun") -> bool:
        """Whether the same trained evaluator measured both; by its run, where no version was noted."""
        for name in ("evaluator_version", "stage.evaluator.run"):
            if self.tags.get(name) and other.tags.get(name):
                return self.tags[name] == other.tags[name]
        return self.tags.get("evaluator_version") == other.tags.get("evaluator_version")


def comparison_tables(runs: Sequence[TrackedRun]) -> list[TextTable]:
    """Tables with a column a run: differences first, then metrics with a verdict beside every later run."""
    labels = ["\n".join(run.label.rsplit(" ", 1)) for run in runs]
    differing = different([run.origin for run in runs])
    found = [
        TextTable(
            DIFFERENCES,
            ["", *labels],
            [[name, *map(_cut, values)] for name, values in differing.items()],
            [*notes(runs), *([] if differing else ["Nothing differs: the same parameters, data and code."])],
        )
    ]
    header = [labels[0], *(cell for label in labels[1:] for cell in (label, "against\nthe first"))]
    for title, names in ((METRICS, _metric_names(runs)), (SYSTEM, _metric_names(runs, of_system=True))):
        rows = [[_with_arrow(name), *_cells(runs, name)] for name in names]
        found += [TextTable(title, ["", *header], rows)] if rows else []
    return found


def comparison_csv(runs: Sequence[TrackedRun]) -> str:
    """The same as CSV, every digit kept: kind, name, a column a run, and a verdict a later run."""
    labels = [run.label for run in runs]
    header = ["kind", "name", *labels, *(f"{label} against the first" for label in labels[1:])]
    blank = [""] * (len(runs) - 1)
    rows: list[list[object]] = [["note", note, *[""] * len(runs), *blank] for note in notes(runs)]
    differing = different([run.origin for run in runs])
    rows += [[DIFFERENCES, name, *values, *blank] for name, values in differing.items()]
    for kind, names in ((METRICS, _metric_names(runs)), (SYSTEM, _metric_names(runs, of_system=True))):
        for name in names:
            values = [run.metrics.get(name) for run in runs]
            rows.append(
                [
                    kind,
                    name,
                    *("" if value is None else repr(value) for value in values),
                    *(verdict(name, runs[0], run) for run in runs[1:]),
                ]
            )
    return csv_text(header, rows)


def different(values_of_runs: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The keys whose values are not the same in all runs, with a value a run (empty where it has none)."""
    keys = dict.fromkeys(key for values in values_of_runs for key in values)
    rows = {key: [values.get(key, "") for values in values_of_runs] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def notes(runs: Sequence[TrackedRun]) -> list[str]:
    """What keeps numbers from being compared, and code that no commit holds."""
    first, later = runs[0], runs[1:]
    other_data = [run.label for run in later if not run.same_data(first)]
    other_evaluator = [run.label for run in later if run.same_data(first) and not run.same_evaluator(first)]
    modified = [run.label for run in runs if run.tags.get("git_dirty") == "true"]
    found = []
    if other_data:
        found.append(f"Other data than the first run's: {', '.join(other_data)}. Its numbers do not compare.")
    if other_evaluator:
        found.append(
            f"Another evaluator than the first run's: {', '.join(other_evaluator)}. R-Precision, FID, "
            "MM-Dist, Diversity and MultiModality do not compare."
        )
    if modified:
        found.append(f"Made in a modified tree, which no commit holds: {', '.join(modified)}.")
    return found


def verdict(name: str, first: TrackedRun, run: TrackedRun) -> str:
    """``better``, ``worse`` or ``same`` than the first run; empty where that cannot be said."""
    values = first.metrics.get(name), run.metrics.get(name)
    direction = direction_at(name)
    if values[0] is None or values[1] is None or not direction or not run.same_data(first):
        return ""
    metric = metric_at(name)
    if metric is not None and metric.ruler == "own model":
        return ""
    if metric is not None and metric.ruler == "evaluator" and not run.same_evaluator(first):
        return ""
    if direction == "closer":
        truths = [_ground_truth(name, each) for each in (first, run)]
        if None in truths:
            return ""
        distances = [abs(value - truth) for value, truth in zip(values, truths, strict=True)]  # type: ignore[operator]
        return _judged(-distances[1], -distances[0])
    return _judged(values[1], values[0]) if direction == "higher" else _judged(-values[1], -values[0])


def _ground_truth(name: str, run: TrackedRun) -> float | None:
    stage, family, _, metric = name.split("/")
    return run.metrics.get(f"{stage}/{family}/{key_of(GROUND_TRUTH)}/{metric}")


def _judged(value: float, other: float) -> str:
    if math.isclose(value, other, rel_tol=1e-9):
        return SAME
    return BETTER if value > other else WORSE


def _metric_names(runs: Sequence[TrackedRun], *, of_system: bool = False) -> list[str]:
    names = sorted({name for run in runs for name in run.metrics})
    return [name for name in names if name.startswith(SYSTEM_PREFIX) == of_system]


def _with_arrow(name: str) -> str:
    arrow = ARROWS.get(direction_at(name), "")
    return f"{name} {arrow}".strip()


def _cells(runs: Sequence[TrackedRun], name: str) -> list[str]:
    """The first run's value, then value and verdict of each other run."""
    cells = [_shown(runs[0].metrics.get(name))]
    for run in runs[1:]:
        cells += [_shown(run.metrics.get(name)), verdict(name, runs[0], run)]
    return cells


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _cut(text: str) -> str:
    """A hash as short as it is told apart; other values as they are."""
    return text[:12] if re.fullmatch(r"[0-9a-f]{32,}(\.dir)?", text) else text
