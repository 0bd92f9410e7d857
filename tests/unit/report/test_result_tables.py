"""Which tables results make; that nothing measured is left out of them."""

import pytest

from lamp_core.evaluation.catalogue import KINDS
from lamp_core.evaluation.results import Result
from lamp_core.metrics.body_limits import LIMITS
from lamp_core.metrics.bones import BODY
from lamp_core.metrics.plausibility import PLAUSIBILITY
from lamp_core.report.result_tables import result_tables

GENERATION = "text to motion, 32 candidates, random caption, true length"


def result(metric, protocol, evaluator="guo-own", system="LaMP-T2M", value=0.5):
    return Result(system, metric, value, 0.01, protocol, evaluator, 20, 460)


def metrics(table):
    return [column.name for column in table.columns]


def test_tables_come_in_the_order_of_the_papers_and_keep_every_result():
    results = [
        result("jerk", "plausibility", "none"),
        result("text to motion R@1", "batches of 32", "none"),
        result("FID", "reconstruction, 32 candidates"),
        result("something", "a new protocol"),
        result("LaMP-MM-Dist", GENERATION, "lamp"),
        result("MM-Dist", GENERATION),
        result("ADE", "prediction, first 20% given", "none"),
        result("text to motion R@1", "full", "none"),
    ]
    tables = result_tables(results)
    assert [table.title for table in tables] == [
        "Text to motion",
        "Text to motion, LaMP as the evaluator",
        "Tokenizer",
        "Retrieval, full gallery",
        "Retrieval in batches",
        "Physical plausibility",
        "Motion prediction",
        "A new protocol",
    ]
    shown = [cell for table in tables for row in table.rows for cell in row.cells if cell]
    assert len(shown) == len(results)


def test_columns_are_those_of_the_papers_in_their_order():
    names = ["MultiModality", "Diversity", "MM-Dist", "FID", *(f"R-Precision top {k}" for k in (3, 1, 2))]
    (table,) = result_tables([result(name, GENERATION) for name in names])
    assert metrics(table) == [
        *(f"R-Precision top {k}" for k in (1, 2, 3)),
        "FID",
        "MM-Dist",
        "Diversity",
        "MultiModality",
    ]
    directions = {column.name: column.direction for column in table.columns}
    assert (directions["FID"], directions["Diversity"]) == ("lower", "closer")


def test_numbers_of_two_evaluators_make_two_tables():
    tables = result_tables([result("FID", GENERATION), result("FID", GENERATION, "guo")])
    assert [table.evaluator for table in tables] == ["guo-own", "guo"]


def test_a_metric_without_a_column_is_shown_behind_the_others():
    (table,) = result_tables([result("beauty", GENERATION), result("FID", GENERATION)])
    assert metrics(table) == ["FID", "beauty"]


def test_both_directions_of_a_retrieval_share_the_columns():
    results = [
        result(f"{direction} {metric}", "full", "none", system, value)
        for direction, value in (("text to motion", 1.0), ("motion to text", 2.0))
        for system in ("chance", "LaMP-Feat")
        for metric in ("R@1", "R@10", "MedR")
    ]
    (table,) = result_tables(results)
    assert metrics(table) == ["R@1", "R@10", "MedR"]
    assert [group.heading for group in table.groups] == ["text to motion", "motion to text"]
    assert [[row.cells[0].value for row in group.rows] for group in table.groups] == [[1.0, 1.0], [2.0, 2.0]]
    assert table.chart == "R@10"


def test_every_number_of_plausibility_has_its_column():
    assert {column.name for column in KINDS["plausibility"].metrics} == {
        *PLAUSIBILITY,
        *BODY,
        *LIMITS,
    }


@pytest.mark.parametrize(("protocol", "sources"), [("full", "Lexical"), ("batches of 32", "LaMP, Table 3")])
def test_published_numbers_stand_under_the_protocol_that_they_have(protocol, sources):
    (table,) = result_tables([result("text to motion R@1", protocol, "none")])
    assert len(table.published) == 2
    assert all(part.source.startswith(sources) for part in table.published)
