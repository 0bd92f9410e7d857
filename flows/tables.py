"""Tables of text on the terminal and in files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.errors import LampError

if TYPE_CHECKING:
    from rich.console import Console

    from lamp_core.report.tables import TextTable

ENDINGS = (".csv", ".html")
LONGEST_CELL, WIDEST = 48, 10_000


def print_tables(console: "Console", tables: "Sequence[TextTable]") -> None:
    """Print tables, one below the other, with an empty line behind each."""
    for table in tables:
        print_table(console, table)
        console.print()


def print_table(console: "Console", table: "TextTable", longest_cell: int | None = LONGEST_CELL) -> None:
    """Print a table, numbers to the right; what is wider than the terminal runs over.

    Args:
        console: prints it.
        table: its rows.
        longest_cell: letters of a cell before it goes on in the next line; None keeps a row in one line.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, header_style="bold")
    for place, name in enumerate(table.header):
        shown.add_column(
            name,
            justify="right" if table.numbers and place else "left",
            overflow="fold",
            max_width=longest_cell if place else None,
        )
    for row in table.rows:
        shown.add_row(*map(Text, row))
    if table.title:
        console.print(Text(table.title, "bold underline"))
    width = Measurement.get(console, console.options.update(width=WIDEST), shown).maximum
    Console(file=console.file, width=max(width, console.width)).print(shown)
    for note in table.notes:
        console.print(Text(note, "dim"))


def check_ending(path: Path) -> None:
    """Raise unless the file's ending says CSV or HTML.

    Raises:
        LampError: another ending; the known ones are named.
    """
    if path.suffix.lower() not in ENDINGS:
        raise LampError(f"{path}: unknown ending '{path.suffix}'; known: {', '.join(ENDINGS)}")


def save_tables(path: Path, *, csv: Callable[[], str], html: Callable[[], str]) -> None:
    """Write a file in the form that its ending says."""
    check_ending(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = csv() if path.suffix.lower() == ".csv" else html()
    path.write_text(text, encoding="utf-8")
