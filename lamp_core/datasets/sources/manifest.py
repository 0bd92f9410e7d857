"""A manifest: one table, CSV or Parquet, a row a clip, for sets of a million clips.

The table is read row by row, so that neither registering nor ingesting holds more of it than a batch. Motions
are files below the source's folder: joints or ready features (``.npy``), ``.bvh``, AMASS parameters
(``.npz``).
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.datasets.clips import SPLITS, Split
from lamp_core.datasets.schema import MANIFEST
from lamp_core.datasets.sources.amass import read_parameters
from lamp_core.datasets.sources.base import (
    ClipJobs,
    FileJob,
    Motion,
    Source,
    SourceKind,
    combined_sha256,
    existing_folder,
    file_sha256,
    shared_file_sha256,
    split_by_name,
)
from lamp_core.datasets.sources.bvh import bvh_joints, cached_map
from lamp_core.datasets.sources.humanml3d import recover_joints
from lamp_core.datasets.sources.npy import JointForm, check_bodies
from lamp_core.datasets.sources.texts import ClipTexts, plain_caption
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.skeleton.mapping import load_map, resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import turn_to_y_up

WHAT = "motion files"
FILE, CAPTIONS, SPLIT, CLIP, START, END = "file", "captions", "split", "clip", "start", "end"
COLUMNS = tuple(name for name in MANIFEST.names if not name.endswith("PART"))
PART = "captions_"
"""What the name of a column begins with that holds the sentences about a part of the body."""
SEPARATOR = ";"
ENDINGS = (".npy", ".bvh", ".npz")
ROWS_A_BATCH = 1024
ROWS_LOOKED_AT = 20


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Args:
        file: motion, relative to the source's folder.
        clip: name of the clip.
        split: as the table says it; None where it does not.
        captions: sentences about the whole body.
        of_parts: sentences by body part.
        start: begin of the clip within the file, seconds.
        end: end of it; None for the file's.
        fault: why the row makes no clip, when it does not.
    """

    file: str
    clip: str
    split: Split | None
    captions: tuple[str, ...]
    of_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
        names = tuple(self._file.schema_arrow.names) if self._is_parquet else tuple(next(self._lines(), ()))
        if FILE not in names:
            raise LampError(f"{self.path} has no column {FILE!r}; its columns: {', '.join(names) or 'none'}")
        unknown = [name for name in names if name not in COLUMNS and not name.startswith(PART)]
        if unknown or len(set(names)) < len(names):
            known = f"{', '.join(COLUMNS)}, {PART}PART"
            raise LampError(f"{self.path} has a column {(unknown or names)[0]!r}; known, once each: {known}")
        return names

    def __len__(self) -> int:
        if self._is_parquet:
            return int(self._file.metadata.num_rows)
        return sum(1 for _ in self._lines()) - 1

    def __iter__(self) -> Iterator[Row]:
        places: dict[str, int] = {name: place for place, name in enumerate(self.columns)}
        for cells in self._cells():
            yield _row_of({name: cells[place] for name, place in places.items() if place < len(cells)})

    def _cells(self) -> Iterator[tuple[Any, ...]]:
        if not self._is_parquet:
            yield from (tuple(cells) for cells in islice(self._lines(), 1, None) if any(cells))
            return
        try:
            for batch in self._file.iter_batches(batch_size=ROWS_A_BATCH):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        except (pa.ArrowException, OSError) as error:
            raise LampError(f"the manifest {self.path} cannot be read to its end: {error}") from error

    def _lines(self) -> Iterator[list[str]]:
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                yield from csv.reader(file)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise LampError(f"the manifest {self.path} cannot be read: {error}") from error

    @property
    def _is_parquet(self) -> bool:
        return self.path.suffix == ".parquet"

    @property
    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise LampError(f"the manifest {self.path} cannot be read: {error}") from error


def _row_of(cells: Mapping[str, Any]) -> Row:
    file = str(cells.get(FILE) or "").strip()
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
    return Row(
        file=file,
        clip=str(cells.get(CLIP) or "").strip() or _name(file, start, end),
        split=split if split in SPLITS else None,
        captions=_texts(cells.get(CAPTIONS)),
        of_parts={part: texts for part, texts in parts.items() if texts},
        start=start,
        end=end,
        fault="; ".join(faults) if file else "the row names no file",
    )


def _split_of(cells: Mapping[str, Any]) -> Any:
    return str(cells.get(SPLIT) or "").strip() or None


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


class ManifestTable(SourceKind):
    """A manifest and the folder of its motions."""

    def complete(self, source: Source) -> Source:
        """Check the table's columns, and of its first rows the files.

        Raises:
            LampError: no table, folder or skeleton, a bad column, no row, or none of the first files there.
        """
        if source.manifest is None or not source.manifest.is_file():
            raise LampError(f"there is no manifest {source.manifest}")
        folder = source.motions or source.manifest.parent
        existing_folder(folder, WHAT)
        skeleton = load_skeleton(source.skeleton or "")
        if source.map is not None:
            load_map(source.map).source_joints(skeleton.name)
        rows = list(islice(Manifest(source.manifest), ROWS_LOOKED_AT))
        if not rows:
            raise LampError(f"the manifest {source.manifest} has no row")
        jobs = list(_jobs(rows, source.model_copy(update={"motions": folder}), skeleton))
        _check_first_files(jobs, skeleton, JointForm.of(source))
        return source.model_copy(update={"motions": folder})

    def clip_jobs(self, source: Source, skeleton: Skeleton) -> ClipJobs:
        """A job a row, in the order of the table."""
        existing_folder(source.motions, WHAT)
        if source.manifest is None:
            raise LampError(f"data set {source.name!r} has no manifest; register it again")
        return ManifestJobs(Manifest(source.manifest), source, skeleton)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """The table, joint map and body model; not a million motions, which the table stands for."""
        if source.manifest is not None:
            yield "manifest", source.manifest
        if source.map is not None and Path(source.map).is_file():
            yield "map", Path(source.map)
        if source.body_model is not None and source.body_model.is_file():
            yield "body-model", source.body_model


@dataclass(frozen=True, eq=False)
class ManifestJobs:
    """The jobs of a table's rows, made as they are asked for."""

    table: Manifest
    source: Source
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator["ManifestJob"]:
        return _jobs(self.table, self.source, self.skeleton)


def _jobs(rows: Iterable[Row], source: Source, skeleton: Skeleton) -> Iterator["ManifestJob"]:
    assert source.motions is not None
    for row in rows:
        yield ManifestJob(
            name=row.clip,
            source=row.file,
            folder=source.motions,
            captions=None,
            split=row.split or (None if row.fault else split_by_name(row.clip)),
            skeleton=skeleton.name,
            row=row,
            form=JointForm.of(source),
            map=source.map,
            body_model=source.body_model,
        )


def _check_first_files(jobs: list["ManifestJob"], skeleton: Skeleton, form: JointForm) -> None:
    faults = []
    arrays = []
    for job in jobs:
        try:
            path = job.motion_path()
            file_sha256(path)
        except RejectedClip as rejected:
            faults.append(str(rejected))
            continue
        if path.suffix == ".npy" and read_npy(path).ndim == 3:
            arrays.append(path)
    if len(faults) == len(jobs):
        raise LampError(f"none of the manifest's first files can be read: {faults[0]}")
    if arrays:
        check_bodies(iter(arrays), skeleton, form)


@dataclass(frozen=True)
class ManifestJob(FileJob):
    """One row.

    Args:
        row: of the table.
        form: how joints stand in ``.npy`` files; unit and up axis stand before a map's, too.
        map: joint map of ``.bvh`` files.
        body_model: of ``.npz`` files.
    """

    row: Row
    form: JointForm
    map: str | None
    body_model: Path | None

    def read_split(self) -> Split:
        """The clip's split; RejectedClip ``manifest-row`` for a row with a fault."""
        if self.row.fault:
            raise RejectedClip("manifest-row", f"{self.name}: {self.row.fault}")
        return super().read_split()

    def read_texts(self) -> ClipTexts:
        """The row's sentences, tagged here."""
        captions = [plain_caption(text) for text in self.row.captions]
        kept = [caption for caption in captions if caption is not None]
        return ClipTexts(kept, self.row.of_parts, len(captions) - len(kept))

    def count_captions(self) -> int:
        """How many sentences the row has, without tagging them."""
        return len(self.row.captions)

    def read_motion(self) -> Motion:
        """Read the file by its ending and take the row's span of it."""
        path = self.motion_path()
        skeleton = load_skeleton(self.skeleton)
        if path.suffix not in ENDINGS:
            raise RejectedClip("unreadable", f"{path} is none of {', '.join(ENDINGS)}")
        sha256 = file_sha256(path)
        parts: list[str] = []
        features_TD = None
        if path.suffix == ".bvh":
            joints_TJ3 = self._read_bvh(path, skeleton)
        elif path.suffix == ".npz":
            joints_TJ3, parts = self._read_parameters(path, skeleton)
        else:
            joints_TJ3, features_TD = self._read_npy(path, skeleton)
        frames = self._frames(len(joints_TJ3), skeleton.frames_per_second)
        sha256 = combined_sha256(sha256, self.form, frames, *parts)
        return Motion(joints_TJ3[frames], sha256, None if features_TD is None else features_TD[frames])

    def _frames(self, count: int, rate: float) -> slice:
        start = round(self.row.start * rate)
        end = count if self.row.end is None else min(count, round(self.row.end * rate))
        if end - start < 1:
            raise RejectedClip("too-short", f"{self.name}: the file ends after {count / rate:.2f} s")
        return slice(start, end)

    def _read_bvh(self, path: Path, skeleton: Skeleton) -> np.ndarray:
        if self.map is None:
            raise RejectedClip("no-map", f"{path}: BVH files need a joint map; register with --map")
        return bvh_joints(path, cached_map(self.map).measured(self.form.unit, self.form.up), skeleton)

    def _read_npy(self, path: Path, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray | None]:
        array = read_npy(path)
        if array.ndim == 2 and array.shape[1] == skeleton.feature_count and np.isfinite(array).all():
            features_TD = array.astype(np.float32)
            return recover_joints(features_TD, skeleton), features_TD
        return self.form.joints(array, path, skeleton), None

    def _read_parameters(self, path: Path, skeleton: Skeleton) -> tuple[np.ndarray, list[str]]:
        from lamp_core.skeleton.smplx import body_model_file

        if self.body_model is None:
            raise RejectedClip(
                "no-body-model", f"{path}: .npz needs a body model; register with --body-model"
            )
        parameters = read_parameters(path)
        model_path = body_model_file(self.body_model, parameters.gender)
        joints_TJ3 = resample(
            turn_to_y_up(parameters.joints(model_path, skeleton), "z"),
            parameters.rate,
            skeleton.frames_per_second,
        )
        return joints_TJ3.astype(np.float32), [shared_file_sha256(model_path)]
