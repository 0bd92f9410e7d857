"""The published index of HumanML3D: which frames of which AMASS file are which clip.

A table ``source_path,start_frame,end_frame,new_name`` (Guo et al. 2022); frames count at 20 a second, after
the first seconds of some sets were left out.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from lamp_core.errors import LampError
from lamp_core.io.text import open_text

COLUMNS = ("source_path", "start_frame", "end_frame", "new_name")
RATE = 20.0
ROOT = "pose_data"
"""Folder that the published paths begin with: what the first script made of the AMASS files."""
BUT_THE_LAST = -1
SKIPPED_SECONDS = {
    "Eyes_Japan_Dataset": 3.0,
    "MPI_HDM05": 3.0,
    "TotalCapture": 1.0,
    "MPI_Limits": 1.0,
    "Transitions_mocap": 0.5,
}
"""Beginning of the files of these sets that the published scripts leave out before they count frames."""


@dataclass(frozen=True)
class Cut:
    """What is taken of a motion file.

    Args:
        source: the file, relative to the folder of the motions.
        start: first frame at 20 a second.
        end: frame after the last; -1 leaves the last one out, as the scripts do; None takes all.
        is_mirrored: whether the clip is the mirror image.
    """

    source: str
    start: int = 0
    end: int | None = None
    is_mirrored: bool = False

    def mirrored(self) -> "Cut":
        """The same frames as a mirror image."""
        return replace(self, is_mirrored=True)

    def frames(self, count: int, rate: float) -> np.ndarray:
        """Which of the file's frames make the clip, by the published procedure; may be empty.

        Args:
            count: frames of the file.
            rate: of the file; below 20 every frame counts.
        """
        kept = np.arange(0, count, max(1, int(rate / RATE)))
        seconds = sum(skipped for name, skipped in SKIPPED_SECONDS.items() if name in self.source)
        return kept[int(seconds * RATE) :][self.start : self.end]


def read_index(path: Path) -> dict[str, Cut]:
    """Cuts by clip name.

    Raises:
        LampError: no such file or table, or a line with a fault; the message names the line.
    """
    try:
        with open_text(path) as file:
            rows = list(csv.reader(file))
    except csv.Error as error:
        raise LampError(f"the index {path} cannot be read: {error}") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise LampError(f"{path} is no index of HumanML3D: its first line is not {','.join(COLUMNS)}")
    cuts: dict[str, Cut] = {}
    for line, row in enumerate(rows[1:], start=2):
        name, cut = _cut_of(row, f"{path}, line {line}")
        if cuts.setdefault(name, cut) != cut:
            raise LampError(f"{path}, line {line}: the clip {name!r} stands there twice")
    return cuts


def _cut_of(row: list[str], where: str) -> tuple[str, Cut]:
    try:
        source, start, end, name = row
        first, last = int(start), int(end)
    except ValueError as error:
        raise LampError(f"{where}: wanted {','.join(COLUMNS)}, found {','.join(row)!r}") from error
    if first < 0 or (last != BUT_THE_LAST and last <= first):
        raise LampError(f"{where}: frames {first} to {last} are no span")
    parts = PurePosixPath(source).parts
    relative = "/".join(parts[1:] if parts[:1] == (ROOT,) else parts)
    return name.removesuffix(".npy"), Cut(relative, first, last)
