"""What is judged of two runs, and what is not because it was measured on something else."""

import csv

import numpy as np
import pytest
from scipy import stats

from lamp_core.evaluation.catalogue import direction_at
from lamp_core.report.run_comparison import TrackedRun, comparison_csv, comparison_tables, different, verdict

FID = "evaluate/text_to_motion/LaMP-T2M/FID"
DIVERSITY, TRUE_DIVERSITY = (
    f"evaluate/text_to_motion/{system}/Diversity" for system in ("LaMP-T2M", "ground_truth")
)
MPJPE = "evaluate/tokenizer/VQ-VAE/MPJPE"
RECALL = "evaluate/retrieval/LaMP-Feat/full_text_to_motion_R10"
TAGS = {"data": "walks", "data_version": "d1", "evaluator_version": "e1"}


def measured(value: dict[str, float], **tags: str) -> TrackedRun:
    return TrackedRun("b 2", {**TAGS, **tags}, {"t2m.hidden_dim": "3"}, value)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        (FID, "lower"),
        (DIVERSITY, "closer"),
        (TRUE_DIVERSITY, ""),
        (MPJPE, "lower"),
        ("evaluate/tokenizer/untrained/MPJPE", ""),
        (RECALL, "higher"),
        ("evaluate/retrieval/LaMP-Feat/threshold_0_95_motion_to_text_MedR", "lower"),
        ("evaluate/completion/LaMP-T2M/prediction_ADE_summed", "lower"),
        ("evaluate/completion/LaMP-T2M/in-betweening_FID", "lower"),
        ("evaluate/text_to_motion/LaMP-T2M/LaMP-R-Precision_top_1", "higher"),
        ("evaluate/something/new", ""),
        ("evaluate_lexical/retrieval/LexCMLP/full_text_to_motion_R10", "higher"),
        ("evaluate_large_motion/text_to_motion/Large-Motion/FID", "lower"),
        ("evaluate_large_motion/text_to_motion/untrained/FID", ""),
        ("t2m/val_decoded", "higher"),
        ("t2m/val_loss", "lower"),
        ("evaluator/val_r_precision_1", "higher"),
        ("retrieval/motion_to_text_median_rank", "lower"),
        ("retrieval/motion_to_text_r10", "higher"),
        ("ingest/clips", ""),
        ("report/kilobytes", ""),
        ("loss", "lower"),
    ],
)
def test_the_better_direction_of_a_metric_is_known_by_its_name(name: str, direction: str) -> None:
    assert direction_at(name) == direction


def test_a_metric_is_judged_by_its_direction() -> None:
    first = measured({FID: 0.5, RECALL: 10.0})
    assert verdict(FID, first, measured({FID: 0.25})) == "better"
    assert verdict(FID, first, measured({FID: 0.75})) == "worse"
    assert verdict(FID, first, measured({FID: 0.5})) == "same"
    assert verdict(RECALL, first, measured({RECALL: 11.0})) == "better"
    assert verdict(RECALL, first, measured({})) == ""


def test_closer_is_closer_to_the_ground_truth_of_each_run() -> None:
    first = measured({DIVERSITY: 5.0, TRUE_DIVERSITY: 6.0})
    assert verdict(DIVERSITY, first, measured({DIVERSITY: 6.5, TRUE_DIVERSITY: 6.0})) == "better"
    assert verdict(DIVERSITY, first, measured({DIVERSITY: 8.0, TRUE_DIVERSITY: 6.0})) == "worse"
    assert verdict(DIVERSITY, first, measured({DIVERSITY: 6.0})) == ""


def test_numbers_of_other_data_or_evaluators_are_not_judged() -> None:
    first = measured({FID: 0.5, MPJPE: 30.0})
    lower = {FID: 0.25, MPJPE: 20.0}
    other_data, other_evaluator = (
        measured(lower, data_version="d2"),
        measured(lower, evaluator_version="e2"),
    )
    assert [verdict(name, first, other_data) for name in lower] == ["", ""]
    assert [verdict(name, first, other_evaluator) for name in lower] == ["", "better"]
    own = "evaluate/text_to_motion/LaMP-T2M/LaMP-MM-Dist"
    assert verdict(own, measured({own: 2.0}), measured({own: 1.0})) == ""


def test_the_evaluator_is_told_by_its_run_where_no_version_was_noted() -> None:
    before, after = (
        TrackedRun("a 1", {"data": "walks", "stage.evaluator.run": made_by}, {}, {FID: 0.5})
        for made_by in ("r1", "r2")
    )
    assert verdict(FID, before, before) == "same"
    assert verdict(FID, before, after) == ""


def test_what_does_not_compare_is_said_first() -> None:
    runs = [
        measured({FID: 0.5}),
        measured({FID: 0.25}, data_version="d2"),
        measured({FID: 0.125}, evaluator_version="e2", git_dirty="true"),
    ]
    differences, heads = comparison_tables(runs)
    assert [row[0] for row in differences.rows] == ["data_version", "evaluator_version", "git_dirty"]
    said = " ".join(differences.notes)
    assert "Other data than the first run's" in said
    assert "Another evaluator than the first run's" in said
    assert "modified tree" in said
    assert heads.rows[1] == ["Text to motion, FID ↓", "0.500", "0.250", "", "0.125", ""]


def test_equal_runs_say_that_nothing_differs() -> None:
    differences, heads = comparison_tables([measured({FID: 0.5}), measured({FID: 0.25})])
    assert list(differences.rows) == []
    assert differences.notes == ["Nothing differs: the same parameters, data and code."]
    assert list(heads.rows) == [
        ["seed", "", "", ""],
        ["Text to motion, FID ↓", "0.500", "0.250", "better"],
    ]


def test_the_table_keeps_every_digit() -> None:
    third = 1 / 3
    runs = [measured({FID: third, "system/cpu_utilization_percentage": 50.0}), measured({FID: 0.25})]
    lines = list(csv.reader(comparison_csv(runs).splitlines()))
    assert lines[0] == ["kind", "name", "b 2", "b 2", "b 2 against the first"]
    assert lines[1] == ["Metrics", FID, repr(third), "0.25", "better"]
    assert lines[2][1:] == ["system/cpu_utilization_percentage", "50.0", "", ""]


def test_only_what_differs_is_a_difference() -> None:
    assert different([{"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}]) == {
        "b": ["2", "3"],
        "c": ["", "4"],
    }


def test_differences_come_first_then_headlines_then_what_changed() -> None:
    other, same = "t2m/val_loss", "ingest/clips"
    machine = "system/cpu_utilization_percentage"
    first = measured({FID: 0.5, f"interval/{FID}": 0.1, other: 2.0, same: 3.0, machine: 1.0})
    near = measured({FID: 0.45, f"interval/{FID}": 0.01, other: 1.0, same: 3.0, machine: 2.0})
    far = measured({FID: 0.25, f"interval/{FID}": 0.1, other: 2.0, same: 3.0, machine: 2.0})
    differences, heads, changed = comparison_tables([first, near, far])
    assert (differences.title, heads.title) == ("Differences of parameters and data", "Headlines")
    assert heads.rows[1][1:] == ["0.500 ± 0.100", "0.450 ± 0.010", "inside ±", "0.250 ± 0.100", "better"]
    assert changed.rows == [[f"{other} ↓", "2", "1", "better", "2", "same"]]
    assert changed.notes == ["1 other rows are the same in all runs; --all shows them."]
    _, _, every, of_machine = comparison_tables([first, near, far], of_all=True)
    assert [row[0] for row in every.rows] == [f"{FID} ↓", same, f"{other} ↓"]
    assert of_machine.rows == [[machine, "1", "2", "", "2", ""]]


def test_headlines_are_those_of_every_system() -> None:
    other, floor = (f"evaluate_large_motion/text_to_motion/{name}/FID" for name in ("Large-Motion", "chance"))
    same_name = "evaluate_tokenizers/tokenizer/VQ-VAE/MPJPE"
    runs = [
        measured({FID: 0.5, other: 2.0, floor: 9.0, MPJPE: 30.0, same_name: 20.0, f"interval/{other}": 0.5}),
        measured({FID: 0.5, other: 1.0, floor: 8.0, MPJPE: 30.0, same_name: 20.0, f"interval/{other}": 0.1}),
    ]
    heads = {row[0]: row[1:] for row in comparison_tables(runs)[1].rows}
    assert heads["Text to motion, FID, LaMP-T2M ↓"] == ["0.500", "0.500", "same"]
    assert heads["Text to motion, FID, Large-Motion ↓"] == ["2.000 ± 0.500", "1.000 ± 0.100", "better"]
    of_tokenizers = [label for label in heads if "VQ-VAE" in label]
    assert [label.split(" (")[1].split(")")[0] for label in of_tokenizers] == [
        "evaluate",
        "evaluate_tokenizers",
    ]
    alone = comparison_tables([measured({other: 2.0}), measured({other: 1.0})])[1].rows
    assert alone[1] == ["Text to motion, FID ↓", "2.000", "1.000", "better"]


def test_every_row_is_printed_as_the_headlines_are() -> None:
    cider = "evaluate/captioning/LaMP-M2T/CIDEr"
    runs = [measured({cider: value, f"interval/{cider}": 0.01}) for value in (1.5, 1.25)]
    _, heads, every = comparison_tables(runs, of_all=True)
    assert heads.rows[1][1:3] == every.rows[0][1:3] == ["150.0 ± 1.0", "125.0 ± 1.0"]


def test_seeds_stand_beside_the_headlines_and_baselines_are_none() -> None:
    untrained = "evaluate/text_to_motion/untrained/FID"
    runs = [
        TrackedRun("a 1", TAGS, {"t2m.training.seed": seed, "ingest.seed": "0"}, {FID: 0.5, untrained: 9.0})
        for seed in ("0", "7")
    ]
    heads = comparison_tables(runs)[1]
    assert list(heads.rows) == [
        ["seed", "0", "0 7", ""],
        ["Text to motion, FID ↓", "0.500", "0.500", "same"],
    ]


def seeded(label: str, seed: str, value: float, **params: str) -> TrackedRun:
    settings = {"t2m.training.seed": seed, "evaluator.training.seed": "0", "t2m.hidden_dim": "3", **params}
    metrics = {FID: value, f"interval/{FID}": 0.001}
    return TrackedRun(label, {**TAGS, "git_commit": "c"}, settings, metrics)


def test_runs_that_differ_in_seeds_alone_are_one_column_beside_others() -> None:
    first, second = [2.44, 3.76, 3.0], [1.2, 1.4, 1.0]
    runs = [seeded(f"narrow {place}", str(place), value) for place, value in enumerate(first)]
    runs += [
        seeded(f"wide {place}", str(place), value, **{"t2m.hidden_dim": "9"})
        for place, value in enumerate(second)
    ]
    heads = comparison_tables(runs)[1]
    half = stats.t.ppf(0.975, 2) * stats.sem(first)
    assert heads.header[1] == "narrow\n×3" and heads.header[2] == "wide\n×3"
    assert heads.rows[0] == ["seed", "0 1 2", "0 1 2", ""]
    assert heads.rows[1][1] == f"{np.mean(first):.3f} ± {half:.3f}"
    assert heads.rows[1][3] == "better" and stats.ttest_ind(first, second, equal_var=False).pvalue < 0.05
    assert "Welch" in heads.notes[0]
    # Against a third that no test tells from the first, though each evaluation's own interval is tiny.
    near = [
        seeded(f"near {place}", str(place), value - 0.3, **{"t2m.hidden_dim": "9"})
        for place, value in enumerate(first)
    ]
    assert comparison_tables([*runs[:3], *near])[1].rows[1][3] == "inside ±"


def test_another_evaluator_is_no_other_seed() -> None:
    runs = [
        seeded("a 1", "0", 1.0),
        seeded("a 2", "1", 2.0),
        seeded("a 3", "1", 3.0, **{"evaluator.training.seed": "1"}),
    ]
    heads = comparison_tables(runs)[1]
    assert [heading.splitlines()[0] for heading in heads.header[1:3]] == ["a", "a"]
    assert heads.header[1].endswith("×2") and heads.header[2].endswith("3")
    assert comparison_tables(runs[:2])[1].notes[0].startswith("One training each")
