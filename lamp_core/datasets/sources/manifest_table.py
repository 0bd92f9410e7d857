"""The table of a manifest, CSV, TSV or Parquet, read row by row: a motion file and its captions each."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.datasets.clips import SPLITS, Split
from lamp_core.datasets.schema import MANIFEST
from lamp_core.datasets.sources.caption_table import check_cells, delimiter_of, quotes_fault
from lamp_core.errors import LampError
from lamp_core.io.folders import has_ending
from lamp_core.io.text import composed, open_text

FILE, CAPTIONS, SPLIT, CLIP, START, END = "file", "captions", "split", "clip", "start", "end"
PART, LABEL = "captions_", "label_"
"""What the names of columns begin with that hold the sentences about a part of the body, and a label."""
COLUMNS = tuple(name for name in MANIFEST.names if not name.startswith((PART, LABEL)))
SEPARATOR = ";"
ROWS_A_BATCH = 1024


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Args:
        file: motion, relative to the source's folder.
        clip: name of the clip.
        split: as the table says it; None where it does not.
        captions: sentences about the whole body.
        of_parts: sentences by body part.
        labels: what the captions were made from, by name.
        start: begin of the clip within the file, seconds.
        end: end of it; None for the file's.
        fault: why the row makes no clip, when it does not.
    """

    file: str
    clip: str
    split: Split | None
    captions: tuple[str, ...]
    of_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    start: float = 0.0
    end: float | None = None
    fault: str = ""


@dataclass(frozen=True)
class Manifest:
    """A table of clips on disk; iterating reads it from the beginning.

    Args:
        path: CSV (``.csv``) or Parquet (``.parquet``).
    """

    path: Path

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns; LampError for a table without files, or with a column that is not known."""
        names = tuple(self._file.schema_arrow.names) if self._is_parquet else self._head
        names = tuple(name.lower() if name.lower() in COLUMNS else name for name in names)
        if FILE not in names:
            raise LampError(f"{self.path} has no column {FILE!r}; its columns: {', '.join(names) or 'none'}")
        unknown = [name for name in names if name not in COLUMNS and not name.startswith((PART, LABEL))]
        if unknown or len(set(names)) < len(names):
            known = f"{', '.join(COLUMNS)}, {PART}PART, {LABEL}NAME"
            raise LampError(f"{self.path} has a column {(unknown or names)[0]!r}; known, once each: {known}")
        return names

    @property
    def _head(self) -> tuple[str, ...]:
        return tuple(cell.strip() for cell in next(self._lines(), ()))

    def __len__(self) -> int:
        if self._is_parquet:
            return int(self._file.metadata.num_rows)
        return max(0, sum(1 for line in self._lines() if any(line)) - 1)

    def __iter__(self) -> Iterator[Row]:
        columns = self.columns
        for cells in self._cells():
            yield _row_of(dict(zip(columns, cells, strict=False)))

    def _cells(self) -> Iterator[tuple[Any, ...]]:
        if not self._is_parquet:
            for number, line in enumerate(islice(self._lines(), 1, None), start=2):
                if any(line):
                    check_cells(self.path, number, line, self.columns)
                    yield tuple(line)
            return
        try:
            for batch in self._file.iter_batches(batch_size=ROWS_A_BATCH):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        except (pa.ArrowException, OSError) as error:
            raise LampError(f"the manifest {self.path} cannot be read to its end: {error}") from error

    def _lines(self) -> Iterator[list[str]]:
        try:
            with open_text(self.path) as file:
                delimiter = delimiter_of(self.path, file.readline(), {FILE, CAPTIONS})
                file.seek(0)
                lines = csv.reader(file, delimiter=delimiter, strict=True)
                yield from lines
        except csv.Error as error:
            raise quotes_fault(self.path, lines.line_num, error) from error

    @property
    def _is_parquet(self) -> bool:
        return has_ending(self.path.name, ".parquet")

    @property
    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise LampError(f"the manifest {self.path} cannot be read: {error}") from error


def _row_of(cells: Mapping[str, Any]) -> Row:
    file = composed(str(cells.get(FILE) or "").strip().replace("\\", "/"))
    split, faults = _split_of(cells), []
    times: list[float | None] = [None, None]
    for place, name in enumerate((START, END)):
        try:
            times[place] = _seconds(cells.get(name))
        except ValueError:
            faults.append(f"{name} {cells[name]!r} is no time in seconds")
    start, end = times[0] or 0.0, times[1]
    if end is not None and end <= start:
        faults.append(f"it ends at {end:g} s and starts at {start:g} s")
    if isinstance(split, str) and split not in SPLITS:
        faults.append(f"its split {split!r} is none of {', '.join(SPLITS)}")
    parts = {name.removeprefix(PART): _texts(cells[name]) for name in cells if name.startswith(PART)}
    labels = {
        name.removeprefix(LABEL): str(cells[name]).strip()
        for name in cells
        if name.startswith(LABEL) and cells[name] is not None
    }
    return Row(
        file=file,
        clip=composed(str(cells.get(CLIP) or "").strip()) or _name(file, start, end),
        split=split if split in SPLITS else None,
        captions=_texts(cells.get(CAPTIONS)),
        of_parts={part: texts for part, texts in parts.items() if texts},
        labels={name: value for name, value in labels.items() if value},
        start=start,
        end=end,
        fault="; ".join(faults) if file else "the row names no file",
    )


def _split_of(cells: Mapping[str, Any]) -> Any:
    return str(cells.get(SPLIT) or "").strip().lower() or None


def _seconds(cell: Any) -> float | None:
    if cell is None or not str(cell).strip():
        return None
    seconds = float(cell)
    if not 0 <= seconds < math.inf:
        raise ValueError(cell)
    return seconds


def _texts(cell: Any) -> tuple[str, ...]:
    """Sentences of a cell: a list, or one string with semicolons between them."""
    texts = cell if isinstance(cell, list) else str(cell or "").split(SEPARATOR)
    return tuple(text for text in (str(text or "").strip() for text in texts) if text)


def _name(file: str, start: float, end: float | None) -> str:
    """A clip without a name of its own has its file's; a span of a file is told by its seconds."""
    stem = file.rpartition(".")[0] or file
    return stem if not start and end is None else f"{stem}@{start:g}-{'' if end is None else f'{end:g}'}"
