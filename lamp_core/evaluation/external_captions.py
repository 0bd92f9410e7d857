"""Captions that another system made of the test motions: one file.

``.json`` holds an object of clips and captions, ``.csv`` and ``.parquet`` the columns ``clip`` and
``caption``.
A span of a clip that captions of its own describe is called ``CLIP at frame N``.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.datasets.items import Item
from lamp_core.datasets.sources.caption_table import check_cells
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import GROUND_TRUTH
from lamp_core.evaluation.external import LeftOut, item_name, told_reasons
from lamp_core.evaluation.families.captioning import CAPTIONING, captions_of_systems, scored
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.io.text import composed, open_text, read_text

FAMILIES = (CAPTIONING,)
"""What can be measured of captions alone."""
UNKNOWN, DUPLICATE = "not-among-the-items", "duplicate"
COLUMNS = ("clip", "caption")

Entries = list[tuple[object, object]]


@dataclass(frozen=True)
class ReadCaptions:
    """What a file holds.

    Args:
        given: captions by the place of their item.
        left_out: the entries that cannot be scored, by the name of their clip.
        missing: the test items without a caption.
    """

    given: dict[int, str]
    left_out: list[LeftOut]
    missing: list[str]

    @property
    def note(self) -> str:
        """How many entries are left out and why, with the first of each reason; empty when none is."""
        return told_reasons(self.left_out, "captions")

    @property
    def summary(self) -> str:
        """What was scored and what was not, in a sentence."""
        missing = f"{len(self.missing)} items" if self.missing else "no item"
        return (
            f"{len(self.given)} captions scored, {missing} without a caption, "
            f"{len(self.left_out)} entries left out"
        )


def read_captions(path: Path, items: Sequence[Item]) -> ReadCaptions:
    """Read the captions of a file for the test items; of two captions of a clip the first is taken.

    Raises:
        LampError: there is no such file, or it has not the form that its ending tells.
    """
    if not path.is_file():
        raise LampError(f"there is no file {path}")
    ending = path.suffix.lower()
    if ending not in READERS:
        raise LampError(f"{path}: captions are read from {', '.join(READERS)}")
    entries = READERS[ending](path)
    broken = [clip for clip, caption in entries if not isinstance(clip, str) or not isinstance(caption, str)]
    if broken:
        raise LampError(
            f"{path}: {len(broken)} of {len(entries)} entries are no clip with one caption, the first is "
            f"{broken[0]!r}; a clip without a caption has an empty one"
        )
    place_of: dict[str, int] = {}
    for place, item in enumerate(items):
        place_of.setdefault(item_name(item), place)
    given: dict[int, str] = {}
    left_out = []
    for clip, caption in ((composed(str(clip)), str(caption)) for clip, caption in entries):
        if clip not in place_of:
            left_out.append(LeftOut(clip, UNKNOWN, f"no item of the split and protocol is called {clip}"))
        elif place_of[clip] in given:
            left_out.append(LeftOut(clip, DUPLICATE, "the first caption of the clip is taken"))
        else:
            given[place_of[clip]] = caption
    missing = [item_name(item) for place, item in enumerate(items) if place not in given]
    return ReadCaptions(given, left_out, missing)


def measure_captions(trained: Trained, path: Path, name: str) -> tuple[dict[str, list[Result]], ReadCaptions]:
    """Score the captions of a file beside the trained captioners and both baselines.

    All on the items that the file has.

    Args:
        trained: evaluator, test items and settings.
        path: see the module.
        name: of the system in the rows.

    Raises:
        LampError: see `read_captions`, or no caption that can be scored.
    """
    test = TestItems.of(trained.items, trained.features.statistics)
    read = read_captions(path, test.items)
    if not read.given:
        raise LampError(f"none of the captions in {path} can be scored; {read.note or 'it holds none'}")
    places = sorted(read.given)
    missing = f"{len(read.missing)} of {len(test)} items have no caption, left out" if read.missing else ""
    systems, left_out = captions_of_systems(trained, test)
    name = f"{name} (file)" if name in {GROUND_TRUTH, *systems} else name
    captions = {
        **{system: [made[place] for place in places] for system, made in systems.items()},
        name: [read.given[place] for place in places],
    }
    items = [test.items[place] for place in places]
    rows = scored(trained, items, captions, (test.note, missing, left_out))
    noted = [_with_note(row, read.note) if row.system == name else row for row in rows]
    return {CAPTIONING.name: noted}, read


def _with_note(row: Result, note: str) -> Result:
    return replace(row, note="; ".join(filter(None, (row.note, note))))


def _of_json(path: Path) -> Entries:
    """An object's pairs, also those whose key returns."""
    try:
        pairs = json.loads(read_text(path), object_pairs_hook=_Pairs)
    except ValueError as error:
        raise LampError(f"{path} is no JSON: {error}") from error
    if not isinstance(pairs, _Pairs):
        raise LampError(f"{path} has to hold one object of clips and captions: {{clip: caption}}")
    return list(pairs)


class _Pairs(list[tuple[object, object]]):
    """An object of JSON with every pair that was written."""


def _of_csv(path: Path) -> Entries:
    try:
        with open_text(path) as file:
            lines = csv.reader(file, strict=True)
            columns = next(lines, [])
            _check_columns(path, columns)
            return [
                (row.get("clip"), row.get("caption")) for row in _rows(path, columns, filter(None, lines))
            ]
    except csv.Error as error:
        raise LampError(f"{path} is no CSV: {error}") from error


def _rows(path: Path, columns: list[str], lines: Iterable[list[str]]) -> Iterator[dict[str, str]]:
    for number, cells in enumerate(lines, start=2):
        check_cells(path, number, cells, columns)
        yield dict(zip(columns, cells, strict=False))


def _of_parquet(path: Path) -> Entries:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise LampError(f"{path} is no Parquet: {error}") from error
    _check_columns(path, table.column_names)
    return list(zip(table["clip"].to_pylist(), table["caption"].to_pylist(), strict=True))


def _check_columns(path: Path, found: Sequence[str]) -> None:
    if not set(COLUMNS) <= set(found):
        raise LampError(f"{path} has the columns {', '.join(found)}; captions need {' and '.join(COLUMNS)}")


READERS: Mapping[str, Callable[[Path], Entries]] = {
    ".json": _of_json,
    ".csv": _of_csv,
    ".parquet": _of_parquet,
}
"""What reads a file, by its ending."""
