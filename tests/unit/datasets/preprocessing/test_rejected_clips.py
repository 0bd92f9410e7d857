"""Rejected clips go to their file as they come; what stays in memory is bounded by the reasons."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.datasets.preprocessing import rejected_clips as rejected
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.preprocessing.rejected_clips import (
    EXAMPLES_A_REASON,
    REJECTED_FILE,
    Rejected,
    Tally,
    read_rejected,
    rejected_writer,
)
from lamp_core.datasets.schema import REJECTED
from lamp_core.datasets.sources import Source
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton

ROWS = [Rejected(f"clip_{index}", f"{index}.bvh", "empty", "nothing in it") for index in range(25)]


def test_rows_come_back(tmp_path: Path) -> None:
    rows = [Rejected("a", "a.bvh", "not-finite", "NaN in frame 3"), Rejected("b", "b.bvh", "too-short", "")]
    for wanted in (rows, []):
        with rejected_writer(tmp_path / REJECTED_FILE) as writer:
            for row in wanted:
                writer.add(row)
        assert list(read_rejected(tmp_path / REJECTED_FILE)) == wanted


def test_few_rows_wait_however_many_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "ROWS_A_GROUP", 10)
    waiting = []
    with rejected_writer(tmp_path / REJECTED_FILE) as writer:
        for row in ROWS:
            writer.add(row)
            waiting.append(len(writer.waiting))
    assert max(waiting) < 10
    assert pq.ParquetFile(tmp_path / REJECTED_FILE).num_row_groups == 3
    assert list(read_rejected(tmp_path / REJECTED_FILE)) == ROWS


def test_a_tally_counts_all_and_keeps_the_first() -> None:
    tally = Tally.of([*ROWS, Rejected("z", "z.bvh", "too-short", ""), Rejected("y", "y.bvh", "jump", "")])
    assert tally.clips == 27
    assert list(tally.reasons.items()) == [("empty", 25), ("jump", 1), ("too-short", 1)]
    assert [row.clip for row in tally.examples_of["empty"]] == ["clip_0", "clip_1", "clip_2"]
    assert len(tally.examples) == EXAMPLES_A_REASON + 2


def test_ingest_keeps_no_list_of_what_it_rejects(tmp_path: Path, smpl22: Skeleton) -> None:
    lines = ["file,captions,split"] + [f"gone/{index}.npy,a man walks,train" for index in range(40)]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    source = Source(
        name="gone", kind="manifest", manifest=tmp_path / "clips.csv", motions=tmp_path, skeleton="smpl22"
    )
    with pytest.raises(LampError, match=r"40 of 40 clips .*\n.*\nmotion-missing +40  gone/0, gone/1, gone/2"):
        ingest(source, smpl22, tmp_path / "out", failed_folder=tmp_path / "kept")
    names = [row.clip for row in read_rejected(tmp_path / "kept" / REJECTED_FILE)]
    assert names == [f"gone/{index}" for index in range(40)]


def test_rows_are_checked_on_write_and_on_read(tmp_path: Path) -> None:
    path = tmp_path / REJECTED_FILE
    with pytest.raises(LampError, match=r"'detail' is null in 1 rows"), rejected_writer(path) as writer:
        writer.add(Rejected("a", "a.bvh", "empty", None))
    assert not path.exists()
    loose = REJECTED.set(3, REJECTED.field("detail").with_nullable(True))
    row = {"clip": "a", "source": "a.bvh", "reason": "empty", "detail": None}
    pq.write_table(pa.Table.from_pylist([row], schema=loose), path)
    with pytest.raises(LampError, match="'detail' is null in 1 rows"):
        list(read_rejected(path))
