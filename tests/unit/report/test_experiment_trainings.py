"""The trainings of a row as one: means and intervals over the seeds, and what is told of missing ones."""

import math

import numpy as np
import pytest
from scipy import stats

from lamp_core.report.experiment_results import (
    ExperimentResults,
    RowRecord,
    read_experiment,
    write_experiment,
)
from lamp_core.report.experiment_trainings import over_seeds
from lamp_core.report.experiments import experiment_tables
from lamp_core.report.paper_tables import markdown
from tests.unit.report.test_experiments import FID, TOP3, make, number, row

A, B = [0.438, 0.396, 0.410], [0.472, 0.481, 0.469]


def trained(label: str, seed: int, **values: object) -> RowRecord:
    return row(f"{label}, seed {seed}" if seed else label, row=label, seed=seed, **values)


def trainings(rows: list[RowRecord], values: dict[str, list[float]]) -> ExperimentResults:
    numbers = {
        each.label: [number(TOP3, values[each.row][each.seed]), number(FID, 1.0 + each.seed)]
        for each in rows
        if each.state == "finished"
    }
    return make(rows, numbers)


@pytest.fixture
def three() -> ExperimentResults:
    """Two rows of three trainings each, by seed."""
    rows = [trained(label, seed) for seed in range(3) for label in "ab"]
    return trainings(rows, {"a": A, "b": B})


def test_a_table_has_a_line_a_row_with_the_interval_over_its_trainings(three: ExperimentResults) -> None:
    measured, directions, origins = experiment_tables(three)
    mean, half = 100 * np.mean(A), 100 * stats.t.ppf(0.975, 2) * stats.sem(A)
    assert [line[0] for line in measured.rows] == ["a", "b"]
    assert measured.rows[0][1] == f"{mean:.1f} ± {half:.1f}"
    assert "Mean of 3 trainings" in measured.notes[0] and "Student's t" in measured.notes[0]
    assert len(origins.rows) == 6 and [line[1] for line in origins.rows] == ["0", "0", "1", "1", "2", "2"]
    is_significant = stats.ttest_ind(A, B, equal_var=False).pvalue < 0.05
    assert is_significant and "(better)" in directions.rows[0][2]
    assert "Welch" in directions.notes[0]
    assert "(no difference)" in directions.rows[1][2]


def test_papers_mark_by_the_trainings(three: ExperimentResults) -> None:
    text = markdown(experiment_tables(three))
    assert "Welch" in text and "| b | **47.4 ± 1.6** |" in text
    # The very same cells of one training each are not apart: their intervals meet.
    alone = [trained(label, 0) for label in "ab"]
    numbers = {"a": [number(TOP3, 0.4147, 0.0532)], "b": [number(TOP3, 0.474, 0.0155)]}
    assert "| b | <u>47.4 ± 1.6</u> |" in markdown(experiment_tables(make(alone, numbers)))


def test_one_seed_is_one_training(three: ExperimentResults) -> None:
    alone = make([trained("a", 0)], {"a": [number(TOP3, 0.4)]})
    measured = experiment_tables(alone)[0]
    assert "One training" in measured.notes[0]
    assert over_seeds(alone).of(alone.record.rows[0]) == alone.numbers["a"]


def test_trainings_that_did_not_finish_are_told_and_left_out() -> None:
    rows = [trained("a", 0), trained("a", 1), trained("a", 2, state="failed", error="t2m: no memory")]
    measured = experiment_tables(trainings(rows, {"a": A}))[0]
    assert (
        measured.rows[0][1]
        == f"{100 * np.mean(A[:2]):.1f} ± {100 * stats.t.ppf(0.975, 1) * stats.sem(A[:2]):.1f}"
    )
    assert measured.rows[0][-1] == "2 of 3 trainings; seed 2 failed: t2m: no memory"
    waiting = [trained("a", seed, state="waiting") for seed in range(2)]
    assert experiment_tables(make(waiting, {}))[0].rows == [
        ["a", "not run yet"],
        ["a, seed 1", "not run yet"],
    ]


def test_a_number_that_a_training_lacks_is_no_mean_of_the_others() -> None:
    rows = [trained("a", seed) for seed in range(2)]
    numbers = {rows[0].label: [number(TOP3, 0.4), number(FID, 1.0)], rows[1].label: [number(TOP3, math.nan)]}
    found = over_seeds(make(rows, numbers)).numbers["a"]
    assert [each.note for each in found] == ["measured in 1 of 2 trainings"] * 2
    assert not any(each.measured for each in found)


def test_the_ground_truth_keeps_the_interval_of_its_repeats_and_other_data_stay_apart() -> None:
    truth = {"system": "ground truth", "evaluator": "guo-own"}
    column = TOP3.model_copy(update={"system": "ground truth"})
    rows = [trained("a", 0), trained("a", 1), trained("a", 2, data_version="v2")]
    numbers = {each.label: [number(column, 0.7, 0.02), number(TOP3, A[each.seed])] for each in rows}
    merged = over_seeds(make(rows, numbers))
    assert [(each.data_version, each.trainings) for each in merged.record.rows] == [("v1", 2), ("v2", 1)]
    first = merged.numbers["a"]
    assert [each.interval for each in first if each.system == truth["system"]] == [0.02]


def test_trainings_are_written_each(three: ExperimentResults, tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_experiment(tmp_path / "x", three)
    assert read_experiment(tmp_path / "x") == three
