"""Manifests: what the columns mean, that a table of any length is read in a small space, bad rows."""

import csv
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.config.models import ClipLimits
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import register_source
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.sources.manifest_table import Manifest
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton
from tests.unit.bodies import write_amass, write_body
from tests.unit.datasets.conftest import bvh_text, moving_joints, ready_features

ROWS = [
    {"file": f"joints/{index}.npy", "captions": ["a man walks", "someone strolls"], "split": "train"}
    for index in range(6)
] + [
    {"file": "ready/a.npy", "captions": ["he turns"], "split": "val", "captions_hands": ["open; still"]},
    {"file": "bvh/b.bvh", "captions": ["she kneels"], "split": "test", "label_content": "kneel"},
    {"file": "amass/c.npz", "captions": ["one jumps"], "split": "test", "captions_left_arm": ["it swings"]},
    {"file": "joints/0.npy", "captions": ["the beginning"], "split": "train", "end": 0.5},
    {"file": "joints/0.npy", "captions": ["the end"], "split": "train", "start": 1.0, "clip": "late"},
]
COLUMNS = (
    *("file", "clip", "split", "captions", "start", "end"),
    *("captions_hands", "captions_left_arm", "label_content"),
)


@pytest.fixture
def folder(tmp_path: Path, smpl22: Skeleton) -> Path:
    """Motions of every kind."""
    for part in ("joints", "ready", "bvh"):
        (tmp_path / part).mkdir()
    for index in range(6):
        np.save(tmp_path / "joints" / f"{index}.npy", moving_joints(smpl22, 40, index))
    np.save(tmp_path / "ready" / "a.npy", ready_features(smpl22, 30))
    (tmp_path / "bvh" / "b.bvh").write_text(bvh_text(smpl22, 60))
    write_amass(tmp_path / "amass" / "c.npz", 240)
    write_body(tmp_path / "body.npz")
    return tmp_path


def write(folder: Path, rows: list[dict], kind: str = "parquet") -> Source:
    path = folder / f"clips.{kind}"
    if kind == "parquet":
        columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
        pq.write_table(pa.table(columns), path, row_group_size=4)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in rows:
                writer.writerow({k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()})
    options = {"map": "smpl22", "body_model": folder / "body.npz", "skeleton": "smpl22"}
    return Source(name="million", kind="manifest", manifest=path, **options)


def test_every_column_and_every_kind_of_file(folder: Path, smpl22: Skeleton) -> None:
    source = KINDS["manifest"].complete(write(folder, ROWS))
    summary = ingest(source, smpl22, folder / "out")
    assert (summary.clips, summary.rejected.clips) == (11, 0)
    clips = {clip.name: clip for clip in read_clips(folder / "out" / CLIPS_FILE)}
    assert list(clips) == [
        *(f"joints/{index}" for index in range(6)),
        *("ready/a", "bvh/b", "amass/c", "joints/0@0-0.5", "late"),
    ]
    assert [caption.text for caption in clips["joints/3"].captions] == ["a man walks", "someone strolls"]
    assert clips["ready/a"].part_captions == {"hands": ("open; still",)}
    assert clips["amass/c"].part_captions == {"left_arm": ("it swings",)}
    assert clips["ready/a"].features_TD is not None
    assert (clips["bvh/b"].labels, clips["ready/a"].labels) == ({"content": "kneel"}, {})
    whole_TJ3 = clips["joints/0"].joints_TJ3
    np.testing.assert_array_equal(clips["joints/0@0-0.5"].joints_TJ3, whole_TJ3[:10])
    np.testing.assert_array_equal(clips["late"].joints_TJ3, whole_TJ3[20:])
    assert len({clip.source_sha256 for clip in clips.values()}) == 11
    assert [clips[name].split for name in ("ready/a", "bvh/b", "late")] == ["val", "test", "train"]
    extract_features(folder / "out", folder / "features")
    loaded = FeatureSet.load(folder / "features")
    assert loaded.part_captions[loaded.clips.index("amass/c")] == {"left_arm": ("it swings",)}


def test_csv_and_parquet_say_the_same(folder: Path, smpl22: Skeleton) -> None:
    rows = [row for row in ROWS if "captions_hands" not in row]
    versions = set()
    for kind in ("csv", "parquet"):
        ingest(KINDS["manifest"].complete(write(folder, rows, kind)), smpl22, folder / "out")
        versions.add(read_clip_metadata(folder / "out" / CLIPS_FILE).version)
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"file": "joints/9.npy"}, "motion-missing"),
        ({"file": "../outside.npy"}, "outside"),
        ({"file": "/etc/passwd"}, "outside"),
        ({"file": "body.txt"}, "unreadable"),
        ({"file": ""}, "manifest-row"),
        ({"file": "joints/0.npy", "split": "dev"}, "manifest-row"),
        ({"file": "joints/0.npy", "start": 2.0, "end": 1.0}, "manifest-row"),
        ({"file": "joints/0.npy", "start": -1.0}, "manifest-row"),
        ({"file": "joints/0.npy", "start": float("nan")}, "manifest-row"),
        ({"file": "joints/0.npy", "start": 5.0, "end": 6.0}, "too-short"),
        ({"file": "joints/0.npy", "captions": []}, "caption-missing"),
        ({"file": "joints/0.npy", "captions": ["...", ""]}, "caption-missing"),
        ({"file": "joints/0.npy", "captions": None}, "caption-missing"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_bad_row_is_rejected(folder: Path, smpl22: Skeleton, kind: str, row: dict, reason: str) -> None:
    bad = {"clip": "victim", "captions": ["he walks"], "split": "train"} | row
    source = KINDS["manifest"].complete(write(folder, [*ROWS, bad], kind))
    limits = ClipLimits(reject=("caption-missing",))
    summary = ingest(source, smpl22, folder / "out", limits=limits)
    assert [(found.clip, found.reason) for found in summary.rejected.examples] == [("victim", reason)]


def test_two_rows_of_one_name_are_an_error(folder: Path, smpl22: Skeleton) -> None:
    source = KINDS["manifest"].complete(write(folder, [*ROWS, ROWS[2]]))
    with pytest.raises(LampError, match="two clips of 'million' have the name 'joints/2'"):
        ingest(source, smpl22, folder / "out")
    assert not (folder / "out" / CLIPS_FILE).exists()


def test_kinds_of_files_that_need_an_option(folder: Path, smpl22: Skeleton) -> None:
    stated = write(folder, ROWS).model_copy(update={"map": None, "body_model": None})
    summary = ingest(KINDS["manifest"].complete(stated), smpl22, folder / "out", max_rejected=1.0)
    assert {row.clip: row.reason for row in summary.rejected.examples} == {
        "amass/c": "no-body-model",
    }


def spoil_csv(folder: Path, text: str) -> Source:
    source = write(folder, ROWS, "csv")
    (folder / "clips.csv").write_text(text)
    return source


@pytest.mark.parametrize(
    "text",
    [
        "File,Captions,SPLIT\njoints/0.npy,he walks; he goes,Train\n",
        'file;captions;split\njoints/0.npy;"he walks; he goes";train\n',
        "file\tcaptions\tsplit\njoints\\0.npy\the walks; he goes\ttrain\n",
    ],
)
def test_tables_as_spreadsheets_write_them(folder: Path, smpl22: Skeleton, text: str) -> None:
    source = KINDS["manifest"].complete(spoil_csv(folder, text))
    ingest(source, smpl22, folder / "out")
    (clip,) = read_clips(folder / "out" / CLIPS_FILE)
    assert (clip.name, clip.split) == ("joints/0", "train")
    assert [caption.text for caption in clip.captions] == ["he walks", "he goes"]


def test_a_row_with_a_fault_is_said_at_import_by_its_fault(folder: Path) -> None:
    bad = {"file": "joints/0.npy", "start": 2.0, "end": 1.0}
    source = KINDS["manifest"].complete(write(folder, [bad, *ROWS]))
    assert source.remarks == (
        "of the first files 1 cannot be used: manifest-row: joints/0@2-1: it ends at 1 s and starts at 2 s",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column 'file'; its columns: none"),
        (b"path,captions\na,b\n", "no column 'file'"),
        (b"file,colour\na,b\n", "column 'colour'; known, once each: file, clip"),
        (b"file,file\na,b\n", "once each"),
        (b"file,captions\n", "has no row"),
        (b"file\nnowhere.npy\n", "none of the manifest's first files can be read: motion-missing"),
        (b'file,captions\njoints/0.npy,"he walks\njoints/1.npy,x\n', r"clips.csv, line 3: .* ends with one"),
        (b'file,captions\njoints/0.npy,"he" walks\n', r"clips.csv, line 2: .*stands twice"),
        (b"file\n\xff\xfe\n", "is no UTF-8 text: byte 0xff at place 5, line 2"),
    ],
)
def test_bad_table(folder: Path, content: bytes, message: str) -> None:
    source = write(folder, ROWS, "csv")
    (folder / "clips.csv").write_bytes(content)
    with pytest.raises(LampError, match=message):
        KINDS["manifest"].complete(source)


def test_bad_registration(folder: Path) -> None:
    source = write(folder, ROWS)
    with pytest.raises(LampError, match="there is no manifest"):
        KINDS["manifest"].complete(source.model_copy(update={"manifest": folder / "absent.csv"}))
    (folder / "clips.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(LampError, match="cannot be read"):
        KINDS["manifest"].complete(source)
    for index in range(6):
        np.save(folder / "joints" / f"{index}.npy", 100 * np.load(folder / "joints" / f"{index}.npy"))
    with pytest.raises(LampError, match="m tall; give --unit cm"):
        KINDS["manifest"].complete(write(folder, ROWS))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_long_table_is_read_in_a_small_space(tmp_path: Path, kind: str) -> None:
    count = 12_000
    path = tmp_path / f"clips.{kind}"
    columns = {"file": [f"a/{i}.npy" for i in range(count)], "captions": ["a man walks; he runs"] * count}
    if kind == "parquet":
        pq.write_table(pa.table(columns), path, row_group_size=2000)
    else:
        lines = (f"{file},{text}\n" for file, text in zip(*columns.values(), strict=True))
        path.write_text("file,captions\n" + "".join(lines))
    del columns
    table = Manifest(path)
    next(iter(table))  # what reading needs once
    tracemalloc.start()
    assert len(table) == count
    last = None
    for row in table:
        last = row
    assert last is not None
    assert (last.clip, last.captions) == (f"a/{count - 1}", ("a man walks", "he runs"))
    assert tracemalloc.get_traced_memory()[1] < 2**20 * 1.5
    tracemalloc.stop()
    assert len(list(islice(table, 5))) == 5


def test_registering_counts_without_reading_motions(folder: Path) -> None:
    source = write(folder, ROWS)
    options = {"manifest": source.manifest, "skeleton": "smpl22", "map": "smpl22"}
    summary = register_source(folder / "data", "million", "manifest", options)
    assert (summary.clips, summary.captions) == (11, 17)
    assert summary.clips_of_split == {"train": 8, "val": 1, "test": 2}
    assert summary.source.motions == folder
