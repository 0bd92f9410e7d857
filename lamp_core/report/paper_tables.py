"""Tables as a paper prints them: LaTeX or Markdown, what is significantly best in bold."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from lamp_core.evaluation.baselines import GROUND_TRUTH, is_baseline
from lamp_core.evaluation.significance import Value, largest_by_chance
from lamp_core.report.tables import ARROWS, TextTable

NUMBER = re.compile(r"([-+]?[\d,]*\.?\d+)(?: ± ([\d,]*\.?\d+))?")
BY_INTERVALS = (
    "Bold: best, apart from all others by the intervals; underlined: no significant difference from the best."
)
BY_TRAININGS = (
    "Bold: best, and significantly so against each other row (Welch's t-test over the trainings, 5 %); "
    "underlined: no significant difference from the best."
)
SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"} | {"\\": "\\textbackslash{}"}
)
SYMBOLS = {"±": "$\\pm$", "↑": "$\\uparrow$", "↓": "$\\downarrow$", "→": "$\\rightarrow$", "–": "--"}

Mark = Callable[[str], str]


def latex(tables: Sequence[TextTable]) -> str:
    """Return a LaTeX table (booktabs) of each table that has arrows; notes and protocol in the caption."""
    return "\n".join(_latex(table) for table in ranked_tables(tables))


def markdown(tables: Sequence[TextTable]) -> str:
    """Return a Markdown table of each table that has arrows; title, notes and protocol above it."""
    return "\n".join(_markdown(table) for table in ranked_tables(tables))


def ranked_tables(tables: Sequence[TextTable]) -> list[TextTable]:
    """The tables of numbers with a direction: those that a paper has."""
    return [table for table in tables if table.numbers and any(map(_direction, table.header))]


def marks(table: TextTable) -> dict[tuple[int, int], str]:
    """Which cells (row, column) are ``bold`` or ``underlined``.

    Of each column with an arrow, among rows that are no baselines and where there are two or more: the best
    value in bold where no other can be told from it by chance (`largest_by_chance`); else it and all that it
    cannot be told from are underlined. A value without an interval was measured once and is told from
    nothing.
    """
    found: dict[tuple[int, int], str] = {}
    for column, heading in enumerate(table.header):
        direction = _direction(heading)
        values = {
            row: value
            for row, cells in enumerate(table.rows)
            if (value := _value(cells[column], table.trainings.get(cells[0], 1)))
        }
        truth = [value.value for row, value in values.items() if table.rows[row][0] == GROUND_TRUTH]
        ranked = {row: value for row, value in values.items() if not is_baseline(table.rows[row][0])}
        if not direction or len(ranked) < 2 or (direction == "closer" and not truth):
            continue
        found |= {(row, column): how for row, how in _marked(ranked, _badness(direction, truth)).items()}
    return found


def _badness(direction: str, truth: Sequence[float]) -> Callable[[float], float]:
    """What is least of the best value."""
    if direction == "closer":
        return lambda value: abs(value - truth[0])
    return (lambda value: value) if direction == "lower" else (lambda value: -value)


def _marked(values: Mapping[int, Value], badness: Callable[[float], float]) -> dict[int, str]:
    best = min(values, key=lambda row: badness(values[row].value))
    alike = [row for row, other in values.items() if row != best and _are_alike(values[best], other)]
    return dict.fromkeys([best, *alike], "underlined") if alike else {best: "bold"}


def _are_alike(best: Value, other: Value) -> bool:
    if best.interval is None or other.interval is None:
        return True
    return abs(other.value - best.value) <= largest_by_chance(best, other)


def _direction(heading: str) -> str:
    return next((name for name, arrow in ARROWS.items() if arrow and arrow in heading), "")


def _value(cell: str, trainings: int) -> Value | None:
    found = NUMBER.fullmatch(cell.strip())
    if found is None:
        return None
    value, half = (float(part.replace(",", "")) if part else None for part in found.groups())
    return None if value is None else Value(value, half, trainings)


def _cells(table: TextTable, plain: Mark, bold: Mark, underlined: Mark) -> list[list[str]]:
    how, marked = {"bold": bold, "underlined": underlined}, marks(table)
    return [
        [
            how[marked[row, column]](plain(cell)) if (row, column) in marked else plain(cell)
            for column, cell in enumerate(cells)
        ]
        for row, cells in enumerate(table.rows)
    ]


def _caption(table: TextTable) -> str:
    about = BY_TRAININGS if max(table.trainings.values(), default=1) > 1 else BY_INTERVALS
    return " ".join(f"{part.rstrip('.')}." for part in (table.title, *table.notes, about) if part)


def _latex(table: TextTable) -> str:
    rows = _cells(table, _escaped, "\\textbf{{{}}}".format, "\\underline{{{}}}".format)
    lines = [" & ".join(row) + " \\\\" for row in rows]
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{_escaped(_caption(table))}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
            "\\toprule",
            " & ".join(map(_escaped, table.header)) + " \\\\",
            "\\midrule",
            *lines,
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


def _markdown(table: TextTable) -> str:
    def plain(text: str) -> str:
        return text.replace("|", "\\|")

    rows = _cells(table, plain, "**{}**".format, "<u>{}</u>".format)
    head = [list(map(plain, table.header)), ["---", *["---:"] * (len(table.header) - 1)]]
    return "\n".join([_caption(table), "", *(f"| {' | '.join(row)} |" for row in chain(head, rows)), ""])


def _escaped(text: str) -> str:
    escaped = text.translate(SPECIAL)
    for symbol, command in SYMBOLS.items():
        escaped = escaped.replace(symbol, command)
    return escaped
