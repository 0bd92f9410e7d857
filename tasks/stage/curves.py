"""Numbers by step, in a file that survives a kill."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lamp_core.io.disk import is_full, no_room


class Curves:
    """Collects the numbers of a stage's steps.

    What was added is on the disk: a resumed stage, which repeats what came after its checkpoint, finds all
    that came before. A step that it repeats counts once.

    Args:
        path: of the file; a line that a killed process or a full disk cut off is removed from it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        _cut_to_whole_lines(path)
        self._file = path.open("ab", buffering=0)

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append the numbers of a step.

        Raises:
            LampError: the disk is full.
        """
        rows = _rows_as_text([step, name, repr(float(value))] for name, value in scalars.items()).encode()
        try:
            written = self._file.write(rows)
            while written < len(rows):
                written += self._file.write(rows[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            if is_full(error):
                raise no_room(self._path.parent, "the curves", len(rows)) from error
            raise

    def write(self, path: Path) -> None:
        """Write ``curves.csv`` (step, name, value), unless the stage wrote its own or logged nothing."""
        self._file.close()
        with self._path.open(newline="") as rows:
            points = {(row[0], row[1]): row[2] for row in csv.reader(rows) if _is_point(row)}
        if points and not path.exists():
            header = ("step", "name", "value")
            path.write_text(_rows_as_text([header, *((*key, value) for key, value in points.items())]))


def _cut_to_whole_lines(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)


def _is_point(row: Sequence[str]) -> bool:
    """Whether a row is one that was written here: a crash of the machine may leave anything."""
    try:
        step, _, value = row
        return isinstance(int(step), int) and isinstance(float(value), float)
    except ValueError:
        return False


def _rows_as_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
