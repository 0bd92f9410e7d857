"""Tracked runs side by side: what differs between them first, then their metrics and which way each moved.

A metric is judged against the first run, and only where both were measured on the same: the data, and the
evaluator for what it measures. Runs that differ in seeds alone are one column beside others: the mean of the
trainings, with the interval over them. A difference that chance alone explains is no verdict; where there are
no intervals the sign alone is judged.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lamp_core.config.experiment import COMMON
from lamp_core.evaluation.baselines import GROUND_TRUTH, is_baseline
from lamp_core.evaluation.catalogue import direction_at, metric_at
from lamp_core.evaluation.results import key_of
from lamp_core.evaluation.significance import Value, largest_by_chance, over_trainings
from lamp_core.evaluation.stages import is_evaluation
from lamp_core.report.main_metrics import headlines
from lamp_core.report.tables import ARROWS, TextTable, csv_text

DATA = ("data", "data_version", "evaluator_version")
PARAMETERS = ("profile",)
CODE = ("git_commit", "git_dirty")
ORIGIN = ("experiment", "row", "device", "machine", "ran")
DIFFERENCES, HEADLINES = "Differences of parameters and data", "Headlines"
CHANGED, METRICS, SYSTEM = "What changed beside them", "Metrics", "The machine, last sample"
SYSTEM_PREFIX, INTERVAL_PREFIX = "system/", "interval/"
SAME, BETTER, WORSE, UNCLEAR = "same", "better", "worse", "inside ±"
SEED = "seed"


@dataclass(frozen=True)
class TrackedRun:
    """What is compared of a run: its label, where it comes from, its parameters and its last metrics.

    Of several ``trainings`` the metrics are means, and their intervals are over the trainings.
    """

    label: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    trainings: int = 1

    @property
    def origin(self) -> dict[str, str]:
        """Data, parameters and code, in the order in which differences are read."""
        first = {name: self.tags.get(name, "") for name in (*DATA, *PARAMETERS)}
        return {**first, **self.params, **{name: self.tags.get(name, "") for name in (*CODE, *ORIGIN)}}

    @property
    def without_seeds(self) -> dict[str, str]:
        """What decides its numbers but for the seeds of what trains; the evaluator's is none of them."""
        deciding = {name: self.tags.get(name, "") for name in (*DATA, *PARAMETERS, *CODE)}
        return {**self.params, **deciding} | {name: "" for name in self.params if _is_training_seed(name)}

    def interval(self, name: str) -> float:
        """Half of a metric's 95 % interval; 0 where none was noted."""
        return self.metrics.get(f"{INTERVAL_PREFIX}{name}", 0.0)

    def same_data(self, other: "TrackedRun") -> bool:
        """Whether both were made of the same version of the same data."""
        return all(self.tags.get(name) == other.tags.get(name) for name in ("data", "data_version"))

    def same_evaluator(self, other: "TrackedRun") -> bool:
        """Whether the same trained evaluator measured both; by its run, where no version was noted."""
        for name in ("evaluator_version", "stage.evaluator.run"):
            if self.tags.get(name) and other.tags.get(name):
                return self.tags[name] == other.tags[name]
        return self.tags.get("evaluator_version") == other.tags.get("evaluator_version")


def comparison_tables(runs: Sequence[TrackedRun], *, of_all: bool = False) -> list[TextTable]:
    """Tables with a column a run, and a verdict beside every later one.

    What differs; the headlines with their intervals and the runs' seeds; then the rows that changed.

    Args:
        runs: the first is what the others are judged against.
        of_all: show every row in place of those that changed, and those of the machine.
    """
    runs = by_training(runs)
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
    header = ["", labels[0], *(cell for label in labels[1:] for cell in (label, "against\nthe first"))]
    names, heads = _metric_names(runs), _headline_rows(runs)
    if heads:
        rows = [_seed_row(runs), *heads.values()]
        found.append(TextTable(HEADLINES, header, rows, [_about_trainings(runs)]))
    shown = names if of_all else [name for name in names if name not in heads and _has_changed(runs, name)]
    if rows := [[_with_arrow(name), *_cells(runs, name)] for name in shown]:
        left = len(names) - len(shown) - (0 if of_all else len(heads))
        note = [f"{left} other rows are the same in all runs; --all shows them."] if left else []
        found.append(TextTable(METRICS if of_all else CHANGED, header, rows, note))
    machine = _metric_names(runs, prefix=SYSTEM_PREFIX) if of_all else []
    if machine:
        found.append(TextTable(SYSTEM, header, [[name, *_cells(runs, name)] for name in machine]))
    return found


def by_training(runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """The runs, where some differ from others in more than seeds: those that differ in seeds alone as one."""
    groups: list[list[TrackedRun]] = []
    for run in runs:
        known = next((group for group in groups if group[0].without_seeds == run.without_seeds), None)
        if known is None:
            groups.append([run])
        else:
            known.append(run)
    return [_as_one(group) for group in groups] if len(groups) > 1 else [*runs]


def _as_one(trainings: Sequence[TrackedRun]) -> TrackedRun:
    """The mean of trainings, of the metrics that all of them have."""
    if len(trainings) == 1:
        return trainings[0]
    first, metrics = trainings[0], {}
    for name in first.metrics:
        values = [run.metrics[name] for run in trainings if name in run.metrics]
        if not name.startswith(INTERVAL_PREFIX) and len(values) == len(trainings):
            metrics[name], metrics[f"{INTERVAL_PREFIX}{name}"] = over_trainings(values)
    params = {name: " ".join(dict.fromkeys(run.params[name] for run in trainings)) for name in first.params}
    label = f"{first.label.rsplit(' ', 1)[0]} ×{len(trainings)}"
    return replace(first, label=label, params=params, metrics=metrics, trainings=len(trainings))


def _is_training_seed(name: str) -> bool:
    return name.endswith(".training.seed") and name.partition(".")[0] not in COMMON


def _about_trainings(runs: Sequence[TrackedRun]) -> str:
    if all(run.trainings == 1 for run in runs):
        return (
            "One training each: ± holds the repeats of the evaluation alone, and another seed can move a "
            "value by more."
        )
    return (
        "×3: mean of three runs that differ in seeds alone, ± over them (Student's t); two such columns are "
        "judged by Welch's t-test."
    )


def comparison_csv(runs: Sequence[TrackedRun]) -> str:
    """The same as CSV, every digit kept: kind, name, a column a run, and a verdict a later run."""
    runs = by_training(runs)
    labels = [run.label for run in runs]
    header = ["kind", "name", *labels, *(f"{label} against the first" for label in labels[1:])]
    blank = [""] * (len(runs) - 1)
    rows: list[list[object]] = [["note", note, *[""] * len(runs), *blank] for note in notes(runs)]
    differing = different([run.origin for run in runs])
    rows += [[DIFFERENCES, name, *values, *blank] for name, values in differing.items()]
    prefixes = {METRICS: "", "Half of the 95 % interval": INTERVAL_PREFIX, SYSTEM: SYSTEM_PREFIX}
    for kind, prefix in prefixes.items():
        for name in _metric_names(runs, prefix=prefix):
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
    """``better``, ``worse``, ``same``, or ``inside ±``: chance makes it too; empty if nothing is to say."""
    values = first.metrics.get(name), run.metrics.get(name)
    direction = direction_at(name)
    if values[0] is None or values[1] is None or not direction or not run.same_data(first):
        return ""
    metric = metric_at(name)
    if metric is not None and metric.ruler == "own model":
        return ""
    if metric is not None and metric.ruler == "evaluator" and not run.same_evaluator(first):
        return ""
    chance = largest_by_chance(
        *(Value(each.metrics[name], each.interval(name), each.trainings) for each in (first, run))
    )
    if direction == "closer":
        truths = [_ground_truth(name, each) for each in (first, run)]
        if None in truths:
            return ""
        distances = [abs(value - truth) for value, truth in zip(values, truths, strict=True)]  # type: ignore[operator]
        return _judged(-distances[1], -distances[0], chance)
    sign = 1 if direction == "higher" else -1
    return _judged(sign * values[1], sign * values[0], chance)


def _ground_truth(name: str, run: TrackedRun) -> float | None:
    stage, family, _, metric = name.split("/")
    return run.metrics.get(f"{stage}/{family}/{key_of(GROUND_TRUTH)}/{metric}")


def _judged(value: float, other: float, chance: float) -> str:
    if math.isclose(value, other, rel_tol=1e-9):
        return SAME
    if abs(value - other) <= chance:
        return UNCLEAR
    return BETTER if value > other else WORSE


def _headline_rows(runs: Sequence[TrackedRun]) -> dict[str, list[str]]:
    """The catalogue's headlines of every trained system that a run has measured, by the metric's name."""
    measured, rows = [name for name in _metric_names(runs) if name.count("/") == 3], {}
    for kind, metric, key in headlines():
        for name, system in _trained(measured, kind.family, key).items():
            label = f"{kind.headline(metric)}{system} {ARROWS.get(direction_at(name), '')}".strip()
            rows[name] = [label, *_cells(runs, name)]
    return rows


def _trained(measured: Sequence[str], family: str, key: str) -> dict[str, str]:
    """The names of one metric of trained systems, from all evaluations, and what tells them apart."""
    found = {}
    for name in measured:
        stage, of_family, system, metric = name.split("/")
        if is_evaluation(stage) and (of_family, metric) == (family, key) and not is_baseline(system):
            found[name] = (system, stage)
    if len(found) == 1:
        return dict.fromkeys(found, "")
    systems = [system for system, _ in found.values()]
    return {
        name: f", {system}" + (f" ({stage})" if systems.count(system) > 1 else "")
        for name, (system, stage) in found.items()
    }


def _seed_row(runs: Sequence[TrackedRun]) -> list[str]:
    """The seeds of each run."""
    seeds = [
        " ".join(
            sorted(
                {
                    seed
                    for name, found in run.params.items()
                    if name.split(".")[-1] == SEED
                    for seed in found.split()
                }
            )
        )
        for run in runs
    ]
    return [SEED, seeds[0], *(cell for seed in seeds[1:] for cell in (seed, ""))]


def _has_changed(runs: Sequence[TrackedRun], name: str) -> bool:
    return len({run.metrics.get(name) for run in runs}) > 1


def _metric_names(runs: Sequence[TrackedRun], *, prefix: str = "") -> list[str]:
    """Names of metrics with this prefix; without one, of those of the stages."""
    names = sorted({name for run in runs for name in run.metrics})
    special = (SYSTEM_PREFIX, INTERVAL_PREFIX)
    return [name for name in names if (name.startswith(prefix) if prefix else not name.startswith(special))]


def _with_arrow(name: str) -> str:
    arrow = ARROWS.get(direction_at(name), "")
    return f"{name} {arrow}".strip()


def _cells(runs: Sequence[TrackedRun], name: str) -> list[str]:
    """The first run's value, then value and verdict of each other run; intervals where known."""
    cells = [_cell(runs[0], name)]
    for run in runs[1:]:
        cells += [_cell(run, name), verdict(name, runs[0], run)]
    return cells


def _cell(run: TrackedRun, name: str) -> str:
    """A value in the catalogue's form, or with four digits where the catalogue does not know it."""
    metric, value, interval = metric_at(name), run.metrics.get(name), run.interval(name)
    if value is None:
        return ""
    shown = metric.shown if metric is not None else _shown
    return f"{shown(value)} ± {shown(interval)}" if interval else shown(value)


def _shown(value: float) -> str:
    return f"{value:.4g}"


def _cut(text: str) -> str:
    """A hash as short as it is told apart; other values as they are."""
    return text[:12] if re.fullmatch(r"[0-9a-f]{32,}(\.dir)?", text) else text
