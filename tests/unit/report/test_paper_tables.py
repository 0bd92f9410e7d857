"""Tables for papers: what is marked, and that nothing breaks the page."""

from lamp_core.report.paper_tables import latex, markdown, marks
from lamp_core.report.tables import TextTable

TABLE = TextTable(
    "Text to motion",
    ["", "R-Prec. 1, % ↑", "FID ↓", "Diversity →", "Length", "once ↑"],
    [
        ["ground truth", "70.0 ± 0.1", "0.000", "9.00 ± 0.10", "8", "99"],
        ["truth, other half", "–", "0.100 ± 0.05", "–", "–", "–"],
        ["a_b", "51.0 ± 0.4", "1.200 ± 0.100", "9.40 ± 0.05", "7", "1.0"],
        ["c & d", "52.0 ± 0.4", "1.250 ± 0.100", "8.20 ± 0.05", "9", "2.0"],
        ["e", "not measured", "3.000 ± 0.100", "9.60 ± 0.04", "1", "0.5"],
    ],
    ["protocol text to motion, 32 candidates; data version 1a2b"],
)


def test_the_best_is_bold_only_where_the_intervals_keep_it_apart() -> None:
    found = marks(TABLE)
    assert {place: how for place, how in found.items() if place[1] == 1} == {(3, 1): "bold"}
    assert {place: how for place, how in found.items() if place[1] == 2} == {
        (2, 2): "underlined",
        (3, 2): "underlined",
    }
    assert not [place for place in found if place[1] == 4 or place[0] < 2]


def test_closer_is_closer_to_the_ground_truth() -> None:
    found = {place: how for place, how in marks(TABLE).items() if place[1] == 3}
    assert found == {(2, 3): "bold"}


def test_what_was_measured_once_is_told_from_nothing() -> None:
    found = {place: how for place, how in marks(TABLE).items() if place[1] == 5}
    assert found == {(row, 5): "underlined" for row in (2, 3, 4)}


def test_markdown_has_protocol_and_version_and_a_line_a_row() -> None:
    lines = markdown([TABLE, TextTable("no arrows", ["", "x"], [["a", "1"]])]).splitlines()
    assert "data version 1a2b" in lines[0] and lines[0].startswith("Text to motion.")
    assert "| c & d | **52.0 ± 0.4** | <u>1.250 ± 0.100</u> | 8.20 ± 0.05 | 9 | <u>2.0</u> |" in lines
    assert len([line for line in lines if line.startswith("|")]) == 2 + len(TABLE.rows)


def test_latex_escapes_what_would_break_it() -> None:
    text = latex([TABLE])
    assert "c \\& d & \\textbf{52.0 $\\pm$ 0.4} & \\underline{1.250 $\\pm$ 0.100}" in text
    assert "R-Prec. 1, \\% $\\uparrow$" in text and "a\\_b" in text
    assert text.count("\\\\") == 1 + len(TABLE.rows)
    assert "\\begin{tabular}{lrrrrr}" in text
