"""Captions of a whole data set in one file: a table (``.tsv``, ``.csv``) or JSON lines (``.jsonl``).

A row of a table is a clip's name, a caption, and perhaps the start and end of what it describes in seconds; a
first row of ``name caption start end`` may say so, in any order. A JSON line is an object with the same keys,
whose caption may be a list of several.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.preprocessing.caption_files import CAPTION_KEYS, caption_of_line, within
from lamp_core.errors import LampError
from lamp_core.io.folders import has_ending, without_ending
from lamp_core.io.text import composed, open_text

DELIMITERS = {".tsv": "\t", ".csv": ","}
JSON_LINES = ".jsonl"
ENDINGS = (*DELIMITERS, JSON_LINES)
NAME_KEYS = ("name", "clip", "file", "id")
COLUMNS = ("name", "caption", "start", "end")
MOTION_ENDINGS = (".bvh", ".npy", ".npz", ".txt")


@dataclass(frozen=True)
class CaptionRow:
    """A caption of a table: the text as `caption_of_line` reads it, and times in seconds as they stand."""

    text: str
    start: str = ""
    end: str = ""


def is_caption_table(path: Path) -> bool:
    """Whether the captions of a whole set are this file, not a folder."""
    return has_ending(path.name, *ENDINGS) and path.is_file()


def caption_of_row(row: CaptionRow) -> Caption | None:
    """The caption of a row, or None when it is none."""
    caption = caption_of_line(row.text)
    return caption if caption is None or not (row.start or row.end) else within(caption, row.start, row.end)


def read_caption_table(path: Path) -> dict[str, list[CaptionRow]]:
    """Rows by clip name, without a motion's ending; read once a process while the file stays the same.

    Raises:
        LampError: the file cannot be read, or a row has more cells than the table has columns.
    """
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, size: int, modified: int) -> dict[str, list[CaptionRow]]:
    rows: dict[str, list[CaptionRow]] = defaultdict(list)
    for name, row in _json_rows(path) if has_ending(path.name, JSON_LINES) else _table_rows(path):
        shown = composed(name.strip())
        rows[without_ending(shown) if has_ending(shown, *MOTION_ENDINGS) else shown].append(row)
    return dict(rows)


def _table_rows(path: Path) -> Iterator[tuple[str, CaptionRow]]:
    delimiter = DELIMITERS[path.suffix.lower()]
    with open_text(path) as file:
        is_tabbed = delimiter == "\t"
        plain = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE) if is_tabbed else None
        lines = plain or csv.reader(file)
        try:
            yield from _rows_of(lines, path)
        except csv.Error as error:
            raise LampError(f"{path}, row {lines.line_num}: {error}") from error


def _rows_of(lines: Iterator[list[str]], path: Path) -> Iterator[tuple[str, CaptionRow]]:
    first = next(lines, [])
    has_head = bool(first) and first[0].strip().lower() in (*NAME_KEYS, *CAPTION_KEYS)
    usual = COLUMNS if has_ending(path.name, ".tsv") else COLUMNS[: max(2, len(first))]
    columns = [_known(cell) for cell in first] if has_head else list(usual)
    for number, cells in enumerate(lines if has_head else chain([first], lines), start=2 if has_head else 1):
        if not any(cells):
            continue
        check_cells(path, number, cells, columns)
        row = dict(zip(columns, cells, strict=False))
        yield (
            row.get("name", ""),
            CaptionRow(row.get("caption", ""), row.get("start", ""), row.get("end", "")),
        )


def check_cells(path: Path, number: int, cells: Sequence[str], columns: Sequence[str]) -> None:
    """Hold a row's cells against the columns.

    Raises:
        LampError: there are more, as a comma in a sentence without quotes makes them; it names the row.
    """
    if len(cells) > len(columns):
        raise LampError(
            f"{path}, row {number}: {len(cells)} cells in {len(columns)} columns; a text with commas stands"
            ' in double quotes, "..."'
        )


def _known(cell: str) -> str:
    name = cell.strip().lower()
    return "name" if name in NAME_KEYS else "caption" if name in CAPTION_KEYS else name


def _json_rows(path: Path) -> Iterator[tuple[str, CaptionRow]]:
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield from _rows_of_object(line, f"{path}, line {number}")


def _rows_of_object(line: str, where: str) -> Iterator[tuple[str, CaptionRow]]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LampError(f"{where} is no JSON: {error}") from error
    name, captions = _first(fields, NAME_KEYS), _first(fields, (*CAPTION_KEYS, "captions"))
    if name is None or captions is None:
        raise LampError(
            f'{where}: wanted an object with a name and a caption, such as {{"name": ..., "caption": ...}}'
        )
    for text in captions if isinstance(captions, list) else [captions]:
        start, end = (str(fields.get(key) or "") for key in ("start", "end"))
        yield str(name), CaptionRow(str(text), start, end)


def _first(fields: Any, keys: Sequence[str]) -> Any:
    return next((fields[key] for key in keys if key in fields), None) if isinstance(fields, dict) else None
