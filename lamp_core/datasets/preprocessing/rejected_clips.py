"""Clips that were left out: ``rejected.parquet``, written and read a group at a time, and how many of each.

A set of a million clips in the wrong unit is a million rows here, so no list of them is ever held: the rows
go to the file as they come, and what stays in memory is a number a reason and the first few of its clips.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa

from lamp_core.datasets.clips_store import CheckedWriter, parquet_writer
from lamp_core.datasets.schema import REJECTED
from lamp_core.io.parquet import check_rows, open_parquet

REJECTED_FILE = "rejected.parquet"
ROWS_A_GROUP = 4096
EXAMPLES_A_REASON = 3


@dataclass(frozen=True)
class Rejected:
    """A clip that was left out and why (a row of ``rejected.parquet``)."""

    clip: str
    source: str
    reason: str
    detail: str


@dataclass
class Tally:
    """How many clips have which fault, with the first of them.

    Args:
        clips_of: clips by reason.
        examples_of: the first clips of each reason, at most `EXAMPLES_A_REASON`.
    """

    clips_of: Counter[str] = field(default_factory=Counter)
    examples_of: dict[str, list[Rejected]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Rejected]) -> "Tally":
        """Count all rows."""
        tally = cls()
        for row in rows:
            tally.add(row)
        return tally

    def add(self, row: Rejected) -> None:
        """Count a clip."""
        self.clips_of[row.reason] += 1
        examples = self.examples_of.setdefault(row.reason, [])
        if len(examples) < EXAMPLES_A_REASON:
            examples.append(row)

    @property
    def clips(self) -> int:
        """Clips of all reasons together."""
        return self.clips_of.total()

    @property
    def reasons(self) -> dict[str, int]:
        """Clips by reason, the most frequent first and those of one count by name."""
        return dict(sorted(self.clips_of.items(), key=lambda item: (-item[1], item[0])))

    @property
    def examples(self) -> list[Rejected]:
        """The first clips of every reason, reasons in the order in which they were met."""
        return [row for rows in self.examples_of.values() for row in rows]


class RejectedWriter:
    """Writes rejected clips as they come, `ROWS_A_GROUP` of them in memory."""

    def __init__(self, writer: CheckedWriter) -> None:
        self.writer = writer
        self.waiting: list[Rejected] = []

    def add(self, row: Rejected) -> None:
        """Write a row, or keep it for the next group."""
        self.waiting.append(row)
        if len(self.waiting) == ROWS_A_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self.waiting:
            rows = [asdict(row) for row in self.waiting]
            self.writer.write_table(pa.Table.from_pylist(rows, schema=REJECTED))
            self.waiting = []


@contextmanager
def rejected_writer(path: Path) -> Iterator[RejectedWriter]:
    """A writer of ``rejected.parquet``; the file is there, when the block ends well, also without a row."""
    with parquet_writer(path, REJECTED) as writer:
        rejected = RejectedWriter(writer)
        yield rejected
        rejected.flush()


def read_rejected(path: Path) -> Iterator[Rejected]:
    """The rows of ``rejected.parquet``, a group in memory at a time.

    Raises:
        LampError: the file is missing or does not have its schema.
    """
    file = open_parquet(path, REJECTED)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        check_rows(table, REJECTED, str(path))
        yield from (Rejected(**row) for row in table.to_pylist())
