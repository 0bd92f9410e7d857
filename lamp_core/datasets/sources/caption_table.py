"""Captions of a whole data set in one file: a table (``.tsv``, ``.csv``) or JSON lines (``.jsonl``).

A row of a table is a clip's name, a caption, and perhaps the start and end of what it describes in seconds; a
first row of ``name caption start end`` may say so, in any order, and tells what parts the cells. A JSON line
is an object with the same keys, whose caption may be a list of several.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
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

TABBED, PARTED, JSON_LINES = ".tsv", ".csv", ".jsonl"
ENDINGS = (TABBED, PARTED, JSON_LINES)
DELIMITERS = ",;\t"
"""Of the cells of a .csv: spreadsheets write semicolons where a comma parts the decimals."""
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
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
        shown = composed(name.strip().replace("\\", "/"))
        rows[without_ending(shown) if has_ending(shown, *MOTION_ENDINGS) else shown].append(row)
    return dict(rows)


def delimiter_of(path: Path, head: str, columns: Set[str]) -> str:
    """What parts a table's cells: a tab in a .tsv, else what parts its first line into names of columns."""
    if has_ending(path.name, TABBED):
        return "\t"
    found = (each for each in DELIMITERS if not columns.isdisjoint(_names(head.split(each))))
    return next(found, DELIMITERS[0])


def _names(cells: Iterable[str]) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in cells]


def _table_rows(path: Path) -> Iterator[tuple[str, CaptionRow]]:
    with open_text(path) as file:
        delimiter = delimiter_of(path, file.readline(), {*NAME_KEYS, *CAPTION_KEYS})
        file.seek(0)
        if has_ending(path.name, TABBED):  # a quote within a sentence is its own
            lines = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            rows: Iterator[list[str]] = ([_unquoted(cell) for cell in cells] for cells in lines)
        else:
            rows = lines = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield from _rows_of(rows, path)
        except csv.Error as error:
            raise quotes_fault(path, lines.line_num, error) from error


def quotes_fault(path: Path, number: int, error: csv.Error) -> LampError:
    """What is wrong with the quotes of a table, which were not closed or stand within a text."""
    return LampError(
        f'{path}, line {number}: {error}; a text in quotes ends with one, and one in it stands twice, ""'
    )


def _rows_of(rows: Iterator[list[str]], path: Path) -> Iterator[tuple[str, CaptionRow]]:
    first = next(rows, [])
    head = _columns_of(first)
    has_head = head[:1] in (["name"], ["caption"]) or {"name", "caption"} <= set(head)
    if has_head and not {"name", "caption"} <= set(head):
        known = f"one of {', '.join(NAME_KEYS)} and one of {', '.join(CAPTION_KEYS)}"
        raise LampError(f"{path} has the columns {', '.join(first)}; wanted are {known}")
    columns = head if has_head else COLUMNS[: _width(first)]
    for number, cells in enumerate(rows if has_head else chain([first], rows), start=2 if has_head else 1):
        if not any(cells):
            continue
        check_cells(path, number, cells, columns)
        row = dict(zip(columns, cells, strict=False))
        yield (
            row.get("name", ""),
            CaptionRow(row.get("caption", ""), row.get("start", ""), row.get("end", "")),
        )


def _width(first: Sequence[str]) -> int:
    """Columns of a table without a head: name and caption, and two times where they are some."""
    return len(COLUMNS) if all(map(_is_time, first[2:])) else 2


def _is_time(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def _columns_of(head: Sequence[str]) -> list[str]:
    """Columns of a first row by our names; of several that may name the clip, the first of `NAME_KEYS`."""
    cells = _names(head)
    name, caption = (next((key for key in keys if key in cells), None) for keys in (NAME_KEYS, CAPTION_KEYS))
    return ["name" if cell == name else "caption" if cell == caption else cell for cell in cells]


def _unquoted(cell: str) -> str:
    """A cell without the quotes of a spreadsheet around the whole of it."""
    quoted = QUOTED.fullmatch(cell.strip())
    return cell if quoted is None else quoted[1].replace('""', '"')


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
