"""The numbers of papers: read as written, laid out in our units, and really those of the papers."""

import re

import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import KINDS, Metric
from lamp_core.report.published import PublishedTable, published_tables, published_under

FILES = {
    "LaMP": "lamp.txt",
    "MotionGPT-2": "motiongpt-2.txt",
    "Large Motion Model": "large-motion-model.txt",
    "Lexical motion-language pretraining": "lexical.txt",
}
EVERY = [table for tables in published_tables().values() for table in tables]


def table(**changes):
    facts = {"table": "full", "source": "Paper, Table 1", "data": "D", "evaluator": "E"}
    return PublishedTable(
        **facts | {"metrics": ("FID", "CIDEr", "R@1"), "rows": {"A": "0.5±.01 29.2 -"}} | changes
    )


def rows_of(published):
    return [row for rows in (published.groups or {"": published.rows}).values() for row in rows.values()]


def numbers(line):
    """The values of a line of a paper's table, with their intervals, without the marks of its formulas."""
    plain = re.sub(r"</?(?:b|math)>|\$", "", line).replace("\\pm", "±")
    return re.findall(r"\d*\.?\d+(?:±\d*\.?\d+)?", re.sub(r"\s*±\s*", "±", plain))


def stands_in(values, line):
    """Whether values stand in a line in this order."""
    left = iter(numbers(line))
    return all(value in left for value in values)


@pytest.mark.parametrize("published", EVERY, ids=lambda each: f"{each.source}, {each.data}, {each.table}")
def test_every_row_stands_in_a_line_of_the_paper(published, shared):
    text = (shared / "papers" / FILES[published.source.rsplit(", ", 1)[0]]).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "\t" in line]
    for row in rows_of(published):
        values = [value for value in row.split() if value != "-"]
        assert any(stands_in(values, line) for line in lines), f"{published.source}: {row}"


@pytest.mark.parametrize("published", EVERY, ids=lambda each: f"{each.source}, {each.data}, {each.table}")
def test_every_table_stands_under_a_table_of_ours(published):
    known = [column.name for column in KINDS[published.table].metrics]
    assert set(published.metrics) <= set(known)
    assert set(published.per_cent) <= set(published.metrics)
    assert all(published.values(row) for row in rows_of(published))


def test_a_row_is_read_in_our_units():
    values = table(per_cent=("CIDEr",)).values("0.5±.01 29.2 -")
    assert values["FID"].value == 0.5
    assert values["FID"].interval == 0.01
    assert values["CIDEr"].value == pytest.approx(0.292)
    assert "R@1" not in values


def test_rows_stand_under_those_of_our_columns_that_the_paper_has():
    columns = [Metric("MedR"), Metric("CIDEr", factor=100.0), Metric("FID")]
    laid_out = table(per_cent=("CIDEr",)).under(columns)
    assert [column.name for column in laid_out.columns] == ["CIDEr", "FID"]
    ((row,),) = [group.rows for group in laid_out.groups]
    assert [cell.value for cell in row.cells] == pytest.approx([29.2, 0.5])
    assert published_under("full", [Metric("FID")]) == []


def test_a_row_that_does_not_fit_is_named():
    with pytest.raises(LampError, match=r"'0\.5 29\.2' is no row of 3 values"):
        table().values("0.5 29.2")
    with pytest.raises(LampError, match="Paper, Table 1, D"):
        table().values("0.5 90.4.1 -")
