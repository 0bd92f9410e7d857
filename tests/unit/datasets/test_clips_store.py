"""Clips survive Parquet unchanged, files appear whole or not at all, wrong files are refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.datasets import clips_store as store
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Clip
from lamp_core.datasets.clips_store import (
    CLIPS_A_GROUP,
    ClipsFile,
    clip_table,
    groups,
    parquet_writer,
    read_clip_metadata,
    read_clips,
    write_clips,
)
from lamp_core.datasets.schema import CLIPS, DatasetMetadata, dump_metadata
from lamp_core.errors import LampError
from lamp_core.io.parquet import atomic_path
from lamp_core.skeleton.skeleton import Skeleton

CAPTIONS = [
    Caption("a person walks.", ("a", "person", "walk"), ("DET", "NOUN", "VERB")),
    Caption("then runs", ("then", "run"), ("ADV", "VERB"), 1.5, 2.5),
]


def make_clip(skeleton: Skeleton, index: int, with_features: bool) -> Clip:
    random = np.random.default_rng(index)
    frames = 2 + index % 7
    return Clip(
        name=f"clip_{index:04d}",
        joints_TJ3=random.normal(size=(frames, skeleton.joint_count, 3)).astype(np.float32),
        frames_per_second=skeleton.frames_per_second,
        captions=CAPTIONS[: 1 + index % 2],
        split=("train", "val", "test")[index % 3],
        source=f"folder/{index}.bvh",
        source_sha256="0" * 64,
        features_TD=random.normal(size=(frames, skeleton.feature_count)).astype(np.float32)
        if with_features
        else None,
    )


@pytest.fixture
def metadata(smpl22: Skeleton) -> DatasetMetadata:
    return DatasetMetadata(
        dataset="tiny",
        skeleton="smpl22",
        version="v",
        split_hash="s",
        reference=smpl22.directions_J3.tolist(),
    )


def test_clips_come_back_as_they_were(tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata) -> None:
    clips = [make_clip(smpl22, index, with_features=index % 2 == 0) for index in range(CLIPS_A_GROUP + 5)]
    path = tmp_path / "clips.parquet"
    write_clips(path, clips, metadata)
    assert read_clip_metadata(path) == metadata
    assert len(ClipsFile(path)) == len(clips)
    assert list(ClipsFile(path).names()) == [clip.name for clip in clips]
    for before, after in zip(clips, read_clips(path), strict=True):
        np.testing.assert_array_equal(before.joints_TJ3, after.joints_TJ3)
        assert (before.features_TD is None) == (after.features_TD is None)
        if before.features_TD is not None and after.features_TD is not None:
            np.testing.assert_array_equal(before.features_TD, after.features_TD)
        for name in ("name", "captions", "split", "source", "source_sha256", "frames_per_second"):
            assert getattr(before, name) == getattr(after, name)


def test_arrays_of_a_group_share_one_buffer(
    tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata
) -> None:
    path = tmp_path / "clips.parquet"
    write_clips(path, [make_clip(smpl22, index, False) for index in range(3)], metadata)
    one, two, _ = read_clips(path)
    gap = two.joints_TJ3.__array_interface__["data"][0] - one.joints_TJ3.__array_interface__["data"][0]
    assert gap == one.joints_TJ3.nbytes


def test_every_field_says_what_it_means() -> None:
    for field in CLIPS:
        assert field.metadata[b"meaning"]
    assert CLIPS.field("joints").metadata[b"shape"] == b"(T, J, 3)"


def test_failed_write_keeps_the_old_file(tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata) -> None:
    path = tmp_path / "clips.parquet"
    write_clips(path, [make_clip(smpl22, 0, False)], metadata)
    with pytest.raises(RuntimeError, match="killed"), parquet_writer(path, CLIPS) as writer:
        writer.write_table(clip_table([make_clip(smpl22, 1, False)]))
        raise RuntimeError("killed")
    assert [clip.name for clip in read_clips(path)] == ["clip_0000"]
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_path_creates_the_folder_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new" / "file.txt") as temporary:
        temporary.write_text("content")
        assert not (tmp_path / "new" / "file.txt").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.txt"]


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"absent.parquet is missing"):
        list(read_clips(tmp_path / "absent.parquet"))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(LampError, match=r"torn.parquet is not a readable Parquet file"):
        list(read_clips(tmp_path / "torn.parquet"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["captions"]), "no field 'captions'"),
        (lambda table: table.append_column("extra", table["clip"]), "a field 'extra'"),
        (
            lambda table: table.set_column(5, "frames", table["frames"].cast(pa.int64())),
            "field 'frames' is int64, not int32",
        ),
    ],
)
def test_wrong_schema_is_refused_with_the_field(
    tmp_path: Path, smpl22: Skeleton, change, message: str
) -> None:
    path = tmp_path / "clips.parquet"
    pq.write_table(change(clip_table([make_clip(smpl22, 0, False)])), path)
    with pytest.raises(LampError, match=message) as error:
        list(read_clips(path))
    assert str(path) in str(error.value)


def test_file_without_our_metadata_is_refused(tmp_path: Path, smpl22: Skeleton) -> None:
    path = tmp_path / "clips.parquet"
    pq.write_table(clip_table([make_clip(smpl22, 0, False)]), path)
    with pytest.raises(LampError, match="metadata 'lamp'"):
        list(read_clips(path))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("split", [None], "field 'split' is null in 1 rows"),
        ("frames", [5], "field 'joints' holds 132 numbers for 5 frames in row 0"),
        ("frames", [0], "numbers for 0 frames"),
    ],
)
def test_rows_are_held_against_the_schema_on_write_and_on_read(
    tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata, name: str, values: list, message: str
) -> None:
    table = clip_table([make_clip(smpl22, 0, False)])
    place = table.column_names.index(name)
    spoilt = table.set_column(place, CLIPS.field(name), pa.array(values, CLIPS.field(name).type))
    path = tmp_path / "clips.parquet"
    with pytest.raises(LampError, match=message), parquet_writer(path, CLIPS) as writer:
        writer.write_table(spoilt)
    assert not path.exists()
    nullable = pa.schema([field.with_nullable(True) for field in CLIPS], metadata=dump_metadata(metadata))
    pq.write_table(spoilt.cast(nullable), path)
    with pytest.raises(LampError, match=message):
        list(read_clips(path))


def test_joints_of_another_count_are_refused_on_read(
    tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata
) -> None:
    path = tmp_path / "clips.parquet"
    write_clips(path, [make_clip(smpl22, 0, False)], metadata.model_copy(update={"skeleton": "kit21"}))
    with pytest.raises(LampError, match="field 'joints' holds 132 numbers for 2 frames"):
        list(read_clips(path))


def test_file_from_before_part_captions_is_read(
    tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata
) -> None:
    path = tmp_path / "clips.parquet"
    table = clip_table([make_clip(smpl22, 0, False)]).drop_columns(["part_captions"])
    pq.write_table(table.replace_schema_metadata(dump_metadata(metadata)), path)
    assert next(read_clips(path)).part_captions == {}


def test_part_captions_come_back(tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata) -> None:
    clip = make_clip(smpl22, 0, False)
    clip.part_captions = {"hands": ("open", "closed"), "left_arm": ("swings",)}
    write_clips(tmp_path / "clips.parquet", [clip, make_clip(smpl22, 1, False)], metadata)
    first, second = read_clips(tmp_path / "clips.parquet")
    assert first.part_captions == clip.part_captions
    assert second.part_captions == {}


def test_groups_are_bounded_in_frames_too(smpl22: Skeleton, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FRAMES_A_GROUP", 25)
    clips = [make_clip(smpl22, index, False) for index in range(7)]
    frames = [len(clip.joints_TJ3) for clip in clips]
    found = list(groups(clips))
    assert [clip for group in found for clip in group] == clips
    assert max(len(group) for group in found) < 7
    assert all(sum(len(c.joints_TJ3) for c in group[:-1]) < 25 for group in found)
    assert min(frames) > 0


def test_labels_come_back_and_an_older_file_has_none(
    tmp_path: Path, smpl22: Skeleton, metadata: DatasetMetadata
) -> None:
    """What a file from before there were labels says of them is nothing, and it reads as before."""
    labels = [{"content": "walk", "style": "old"}, {}, {"content": "bow", "style": "sad"}]
    clips = [replace(make_clip(smpl22, index, False), labels=of_clip) for index, of_clip in enumerate(labels)]
    write_clips(tmp_path / "clips.parquet", clips, metadata)
    assert [clip.labels for clip in read_clips(tmp_path / "clips.parquet")] == labels
    older = pq.read_table(tmp_path / "clips.parquet").drop_columns("labels")
    older = older.replace_schema_metadata(dump_metadata(metadata))
    pq.write_table(older, tmp_path / "older.parquet")
    assert [clip.labels for clip in read_clips(tmp_path / "older.parquet")] == [{}, {}, {}]
