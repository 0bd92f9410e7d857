"""Numbers that papers print, from ``published.yaml``, as rows under the columns of our tables."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.catalogue import Metric
from lamp_core.io.yaml_text import parse_yaml
from lamp_core.report.metric_tables import Cell, PublishedRows, Row, RowGroup

PUBLISHED = Path(__file__).with_name("published.yaml")
VALUE = re.compile(r"(\d*\.?\d+)(?:±(\d*\.\d+))?")
NONE = "-"


class PublishedTable(BaseModel):
    """One table of one paper and one data set.

    Args:
        table: kind of our table that it stands below.
        also: a second one, below which those of its columns stand that both have.
        source: paper and table.
        data: data set that was measured.
        evaluator: that measured.
        metrics: names of our metrics, in the order of the values.
        per_cent: metrics that the paper prints in per cent and we hold as shares.
        rows: values by system, as one string.
        groups: rows by heading, where there are several groups.
        note: what the paper leaves open or misprints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    also: str = ""
    source: str
    data: str
    evaluator: str
    metrics: tuple[str, ...]
    per_cent: tuple[str, ...] = ()
    rows: dict[str, str] = {}
    groups: dict[str, dict[str, str]] = {}
    note: str = ""

    def under(self, columns: Sequence[Metric]) -> PublishedRows:
        """Lay the rows out under those columns of ours that the paper has; what has none is left out."""
        kept = [column for column in columns if column.name in self.metrics]
        groups = [
            RowGroup(heading, [row for row in self._rows(rows, kept) if any(row.cells)])
            for heading, rows in (self.groups or {"": self.rows}).items()
        ]
        return PublishedRows(self.source, self.data, self.evaluator, kept, groups, self.note)

    def values(self, text: str) -> dict[str, Cell]:
        """Read a row: values by metric, in our units, without those that the paper does not print.

        Raises:
            LampError: another number of values than metrics, or one that is no number.
        """
        parts = text.split()
        matches = [VALUE.fullmatch(part) for part in parts]
        broken = [part for part, found in zip(parts, matches, strict=True) if not found and part != NONE]
        if len(parts) != len(self.metrics) or broken:
            raise LampError(f"{self.source}, {self.data}: {text!r} is no row of {len(self.metrics)} values")
        scales = [0.01 if metric in self.per_cent else 1.0 for metric in self.metrics]
        return {
            metric: Cell(scale * float(found[1]), scale * float(found[2] or 0.0))
            for metric, found, scale in zip(self.metrics, matches, scales, strict=True)
            if found
        }

    def _rows(self, rows: Mapping[str, str], columns: Sequence[Metric]) -> list[Row]:
        return [self._row(system, text, columns) for system, text in rows.items()]

    def _row(self, system: str, text: str, columns: Sequence[Metric]) -> Row:
        values = self.values(text)
        cells = [
            Cell(cell.value * column.factor, cell.interval * column.factor)
            if (cell := values.get(column.name))
            else None
            for column in columns
        ]
        return Row(system, cells, is_baseline(system))


@cache
def published_tables() -> Mapping[str, Sequence[PublishedTable]]:
    """All published tables by the kind of our table that they stand below."""
    tables: dict[str, list[PublishedTable]] = {}
    for entry in parse_yaml(PUBLISHED.read_text(encoding="utf-8")):
        table = PublishedTable(**entry)
        for kind in filter(None, (table.table, table.also)):
            tables.setdefault(kind, []).append(table)
    return tables


def published_under(kind: str, columns: Sequence[Metric]) -> list[PublishedRows]:
    """Published rows of a kind of table under its columns; tables that share none are left out."""
    laid_out = [table.under(columns) for table in published_tables().get(kind, ())]
    return [rows for rows in laid_out if rows.columns]
