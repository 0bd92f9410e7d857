"""Clips in Parquet: ``clips.parquet``, and the writer of all files of the data set.

A file is written under a temporary name and renamed, so that a reader sees the old file or the whole new
one. Clips are written and read group by group: memory holds one group, not the data set.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.columns import (
    caption_column,
    captions_of,
    label_column,
    labels_of,
    one_array,
    part_caption_column,
    part_captions_of,
    ragged_column,
    ragged_views,
)
from lamp_core.datasets.schema import (
    CLIPS,
    DatasetMetadata,
    dump_metadata,
    load_metadata,
)
from lamp_core.io.parquet import atomic_path, check_rows, open_parquet
from lamp_core.skeleton.skeleton import load_skeleton

CLIPS_FILE = "clips.parquet"
CLIPS_A_GROUP = 256
FRAMES_A_GROUP = 200_000
"""A group of long clips is written sooner: 50 MB of joints."""


class CheckedWriter(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """A Parquet writer that holds every row against the file's schema."""

    def write_table(self, table: pa.Table, row_group_size: int | None = None) -> None:
        """Check the rows and write them as a row group; LampError as `check_rows`."""
        check_rows(table, self.schema, Path(self.where).name)
        super().write_table(table, row_group_size)


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[CheckedWriter]:
    """A writer for one of our schemas whose file appears only when the block ends well."""
    floats = [field.name for field in schema if field.type == pa.list_(pa.float32())]
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": ["clip", "source", "split"],
        # The bytes of neighbouring floats alike stand together: a third smaller, and no slower to read.
        "column_encoding": {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in floats} or None,
    }
    with atomic_path(path) as temporary, CheckedWriter(temporary, schema, **options) as writer:
        yield writer


def clip_table(clips: Sequence[Clip]) -> pa.Table:
    """One group of clips as rows of the schema `CLIPS`."""
    columns = {
        "clip": [clip.name for clip in clips],
        "source": [clip.source for clip in clips],
        "source_sha256": [clip.source_sha256 for clip in clips],
        "split": [clip.split for clip in clips],
        "frames_per_second": [clip.frames_per_second for clip in clips],
        "frames": [len(clip.joints_TJ3) for clip in clips],
        "joints": ragged_column([clip.joints_TJ3 for clip in clips]),
        "features": ragged_column([clip.features_TD for clip in clips]),
        "captions": caption_column([clip.captions for clip in clips]),
        "part_captions": part_caption_column([clip.part_captions for clip in clips]),
        "labels": label_column([clip.labels for clip in clips]),
    }
    return pa.table(columns, schema=CLIPS)


def write_clips(path: Path, clips: Iterable[Clip], metadata: DatasetMetadata) -> None:
    """Write ``clips.parquet`` at once; `ingest` writes the same file while the clips come in."""
    with parquet_writer(path, CLIPS) as writer:
        for group in groups(clips):
            writer.write_table(clip_table(group))
        writer.add_key_value_metadata(dump_metadata(metadata))


def groups(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Clips in the groups that are written together: bounded in clips and in frames."""
    group: list[Clip] = []
    frames = 0
    for clip in clips:
        group.append(clip)
        frames += len(clip.joints_TJ3)
        if len(group) == CLIPS_A_GROUP or frames >= FRAMES_A_GROUP:
            yield group
            group, frames = [], 0
    if group:
        yield group


class ClipsFile:
    """An open ``clips.parquet``: what holds for all of it, the names of its clips, and the clips themselves.

    Args:
        path: of the file.

    Raises:
        LampError: when the file is missing or does not have the schema.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, open_parquet(path, CLIPS)
        self.metadata = load_metadata(path, self._file)

    def __len__(self) -> int:
        """How many clips it holds, without reading them."""
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Clip]:
        """The clips in their order, a group in memory at a time.

        The arrays are read-only views into the file's buffers; copy one before changing it.

        Raises:
            LampError: a row does not have the schema.
        """
        skeleton = load_skeleton(self.metadata.skeleton)
        for group in range(self._file.num_row_groups):
            table = self._file.read_row_group(group, use_threads=False)
            check_rows(table, CLIPS, str(self.path), {"joints": skeleton.joint_count * 3})
            yield from _clips_of(table, skeleton.joint_count, skeleton.feature_count)

    def names(self) -> Iterator[str]:
        """The names of the clips in their order, without what is in them."""
        for group in range(self._file.num_row_groups):
            yield from self._file.read_row_group(group, columns=["clip"])["clip"].to_pylist()


def read_clips(path: Path) -> Iterator[Clip]:
    """The clips of ``clips.parquet``; LampError as `ClipsFile`, at the first of them."""
    yield from ClipsFile(path)


def _clips_of(table: pa.Table, joint_count: int, feature_count: int) -> Iterator[Clip]:
    columns = {name: one_array(table[name]) for name in table.column_names}
    rows = zip(
        columns["clip"].to_pylist(),
        ragged_views(columns["joints"], (joint_count, 3)),
        columns["frames_per_second"].to_pylist(),
        captions_of(columns["captions"]),
        columns["split"].to_pylist(),
        columns["source"].to_pylist(),
        columns["source_sha256"].to_pylist(),
        ragged_views(columns["features"], (feature_count,)),
        part_captions_of(table),
        labels_of(table),
        strict=True,
    )
    for *row, part_captions, labels in rows:
        yield replace(Clip(*row), part_captions=part_captions, labels=labels)


def read_clip_metadata(path: Path) -> DatasetMetadata:
    """What holds for the whole ``clips.parquet``; LampError as `ClipsFile`."""
    return ClipsFile(path).metadata
