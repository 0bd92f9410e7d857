import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import Metric
from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import metric_table

COLUMNS = [Metric("FID", "lower"), Metric("R@1", "higher"), Metric("Diversity", "closer"), Metric("Length")]
NAN = float("nan")


def result(system, metric, value, interval=0.0, **changes):
    facts = {"protocol": "batches", "evaluator": "guo-own", "repeats": 20, "items": 460, "note": ""} | changes
    return Result(system, metric, value, interval, **facts)


def systems(**values):
    """A result for each system and column, from a row of values a system."""
    return [
        result(system.replace("_", " "), column.name, value)
        for system, row in values.items()
        for column, value in zip(COLUMNS, row, strict=True)
    ]


def best(table):
    return {row.system: [cell is not None and cell.best for cell in row.cells] for row in table.rows}


def test_results_of_different_protocols_never_share_a_table():
    results = [result("LaMP", "FID", 1.0), result("LaMP", "FID", 2.0, protocol="full")]
    with pytest.raises(LampError, match="one protocol and evaluator"):
        metric_table("mixed", results, COLUMNS)
    with pytest.raises(LampError, match="one protocol and evaluator"):
        metric_table("mixed", {"a": results[:1], "b": results[1:]}, COLUMNS)


def test_the_ground_truth_comes_first_and_baselines_are_set_apart():
    rows = metric_table(
        "t", systems(LaMP=(1, 2, 3, 4), chance=(1, 2, 3, 4), ground_truth=(1, 2, 3, 4)), COLUMNS
    ).rows
    assert [(row.system, row.baseline) for row in rows] == [
        ("ground truth", True),
        ("LaMP", False),
        ("chance", True),
    ]


def test_the_best_of_several_systems_is_marked_in_the_direction_of_the_column():
    results = systems(
        ground_truth=(0.0, 99, 9.5, 5), a=(2.0, 40, 9.9, 5), b=(1.5, 30, 9.2, 6), untrained=(0.5, 90, 9.5, 7)
    )
    assert best(metric_table("t", results, COLUMNS)) == {
        "ground truth": [False] * 4,
        "a": [False, True, False, False],
        "b": [True, False, True, False],
        "untrained": [False] * 4,
    }


def test_one_system_or_one_number_is_not_the_best_of_anything():
    alone = systems(ground_truth=(0.0, 99, 9.5, 5), a=(2.0, 40, 9.9, 5))
    assert not any(any(marks) for marks in best(metric_table("t", alone, COLUMNS)).values())
    broken = systems(a=(NAN, 40, 9.9, 5), b=(1.0, NAN, 9.9, 5))
    assert not any(any(marks) for marks in best(metric_table("t", broken, COLUMNS)).values())


def test_columns_that_no_system_has_are_left_out():
    table = metric_table("t", [result("a", "R@1", 0.5)], COLUMNS, chart="FID")
    assert [column.name for column in table.columns] == ["R@1"]
    assert table.chart == ""


def test_values_and_intervals_are_scaled():
    (row,) = metric_table("t", [result("a", "R@1", 0.5, 0.01)], [Metric("R@1", factor=100.0)]).rows
    assert (row.cells[0].value, row.cells[0].interval) == (50.0, 1.0)


def test_repeats_are_those_of_what_was_measured():
    mixed = [result("a", "FID", 1.0, repeats=1), result("b", "FID", 1.0), result("c", "FID", NAN, repeats=0)]
    assert metric_table("t", mixed, COLUMNS).repeats == "1 to 20"
    assert metric_table("t", mixed[1:2], COLUMNS).repeats == "20"


def test_intervals_are_shown_where_some_system_has_one():
    table = metric_table("t", [result("a", "FID", 1.0, 0.1), result("a", "R@1", 1.0)], COLUMNS)
    assert table.intervals == [True, False]


def test_every_note_is_said_once_with_what_it_is_said_of():
    results = [
        result("a", "FID", 1.0, note="2 items left out"),
        result("a", "R@1", NAN, note="not measured: too few; 2 items left out"),
        result("b", "FID", 1.0, note="2 items left out"),
        result("b", "R@1", 1.0),
    ]
    assert metric_table("t", results, [Metric("FID"), Metric("R@1", label="R 1")]).remarks == [
        "a: 2 items left out",
        "b (FID): 2 items left out",
        "a (R 1): not measured: too few",
    ]
