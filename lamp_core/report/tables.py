"""Tables of text that the terminal and a page show alike, and CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lamp_core.viz.templating import asset, render_template

ARROWS = {"higher": "↑", "lower": "↓", "closer": "→", "neither": ""}


@dataclass(frozen=True)
class TextTable:
    """A table whose cells are formatted.

    Args:
        title: heading.
        header: of the columns.
        rows: the cells of each.
        notes: sentences under the heading.
        numbers: whether the cells behind the first column are numbers, set to the right.
        trainings: behind the numbers of a row, by its first cell; one where it is not named.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    numbers: bool = True
    trainings: Mapping[str, int] = field(default_factory=dict)


def tables_page(
    title: str, tables: Sequence[TextTable], description: str = "", charts: Sequence[str] = ()
) -> str:
    """Return a page of charts (SVG) and tables that loads nothing; the same ones give the same bytes."""
    from markupsafe import Markup

    style = Markup(f"<style>\n{asset('theme.css')}{asset('report.css')}</style>")
    return render_template(
        "tables_page.html",
        title=title,
        description=description,
        charts=list(map(Markup, charts)),
        tables=tables,
        style=style,
    )


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return one table as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
