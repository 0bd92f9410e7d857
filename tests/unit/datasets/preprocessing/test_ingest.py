"""Bad clips are rejected with their reason, the rest goes on, and the workers do not change the result."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips
from lamp_core.datasets.preprocessing.ingest import JOBS_A_TASK, ingest
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, read_rejected
from lamp_core.datasets.sources import Source
from lamp_core.errors import LampError
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

VICTIM = "walk_05"


def replace_last_number(path: Path, number: str) -> None:
    path.write_text(path.read_text().rstrip().rsplit(" ", 1)[0] + f" {number}\n")


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def keep_one_frame(path: Path) -> None:
    head, motion = path.read_text().split("Frames: 24")
    path.write_text(f"{head}Frames: 1{motion[: motion.index(chr(10), motion.index('Time') + 20)]}\n")


BAD_MOTIONS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "binary": ("unreadable", lambda path: path.write_bytes(bytes(range(256)) * 8)),
    "a folder": ("unreadable", lambda path: (path.unlink(), path.mkdir())),
    "no file": ("motion-missing", Path.unlink),
    "truncated": ("truncated", lambda path: cut(path, 0.7)),
    "cut in the hierarchy": ("truncated", lambda path: cut(path, 0.1)),
    "empty": ("empty", lambda path: path.write_bytes(b"")),
    "nan": ("not-finite", lambda path: replace_last_number(path, "nan")),
    "infinite": ("not-finite", lambda path: replace_last_number(path, "inf")),
    "a joint less": (
        "joint-count",
        lambda path: path.write_text(path.read_text().replace("left_foot", "toe")),
    ),
    "one frame": ("too-short", keep_one_frame),
}


@pytest.mark.parametrize("fault", BAD_MOTIONS)
def test_bad_motion_is_rejected_and_the_rest_goes_on(
    tmp_path: Path,
    smpl22: Skeleton,
    bvh_source,
    fault: str,
) -> None:
    reason, spoil = BAD_MOTIONS[fault]
    spoil(bvh_source.motion(VICTIM))
    summary = ingest(bvh_source.source, smpl22, tmp_path / "out")
    assert summary.rejected.reasons == {reason: 1}
    rejected = list(read_rejected(tmp_path / "out" / REJECTED_FILE))
    assert [(row.clip, row.reason) for row in rejected] == [(VICTIM, reason)]
    assert rejected[0].detail
    names = [clip.name for clip in read_clips(tmp_path / "out" / CLIPS_FILE)]
    assert names == [f"walk_{index:02d}" for index in range(12) if index != 5]


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("caption-missing", None),
        ("caption-empty", ""),
        ("caption-unreadable", "no form#walk#soon#later"),
        ("no-split", None),
    ],
)
def test_bad_caption_or_split_is_rejected(
    tmp_path: Path,
    smpl22: Skeleton,
    bvh_source,
    reason: str,
    content: str | None,
) -> None:
    if reason == "no-split":
        train = bvh_source.folder / "splits" / "train.txt"
        train.write_text(train.read_text().replace(VICTIM, ""))
    elif content is None:
        bvh_source.caption(VICTIM).unlink()
    else:
        bvh_source.caption(VICTIM).write_text(content)
    summary = ingest(bvh_source.source, smpl22, tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]
    assert summary.clips == 11


def test_too_many_rejected_fails_with_a_table_and_keeps_the_reasons(
    tmp_path: Path, smpl22: Skeleton, bvh_source
) -> None:
    bvh_source.caption("walk_00").unlink()
    bvh_source.caption("walk_01").unlink()
    bvh_source.motion("walk_02").write_bytes(b"")
    with pytest.raises(LampError) as error:
        ingest(bvh_source.source, smpl22, tmp_path, max_rejected=0.2)
    message = str(error.value)
    assert message.startswith("3 of 12 clips of 'tiny' were rejected (25.0%)")
    assert str(tmp_path / REJECTED_FILE) in message
    lines = [line.split() for line in message.splitlines()[1:]]
    assert lines == [
        ["reason", "clips", "first"],
        ["caption-missing", "2", "walk_00,", "walk_01"],
        ["empty", "1", "walk_02"],
    ]
    assert len(list(read_rejected(tmp_path / REJECTED_FILE))) == 3
    assert not (tmp_path / CLIPS_FILE).exists()
    assert ingest(bvh_source.source, smpl22, tmp_path, max_rejected=0.25).clips == 9


def test_clips_are_resampled_and_counted(tmp_path: Path, smpl22: Skeleton, bvh_source) -> None:
    with bvh_source.caption("walk_01").open("a") as file:
        file.write("no form#walk#soon#later\n")
    summary = ingest(bvh_source.source, smpl22, tmp_path)
    assert (summary.clips, summary.captions, summary.skipped_captions) == (12, 12, 1)
    assert summary.clips_of_split == {"train": 8, "val": 2, "test": 2}
    clip = next(read_clips(tmp_path / CLIPS_FILE))
    assert clip.frames_per_second == 20.0
    assert len(clip.joints_TJ3) == 16  # 24 frames at 30 a second: the last sample at 15 / 20 s
    assert summary.frames == 12 * 16
    np.testing.assert_allclose(clip.joints_TJ3[:, 0, 2], np.arange(16) / 20, atol=1e-4)


def test_clip_with_too_few_frames_for_the_parameter(tmp_path: Path, smpl22: Skeleton, bvh_source) -> None:
    with pytest.raises(LampError, match="too-short"):
        ingest(bvh_source.source, smpl22, tmp_path, min_frames=17)
    assert ingest(bvh_source.source, smpl22, tmp_path, min_frames=16).clips == 12


def test_reference_is_the_named_clip_or_the_first_of_train(
    tmp_path: Path, smpl22: Skeleton, bvh_source
) -> None:
    text = bvh_source.motion("walk_07").read_text()
    bvh_source.motion("walk_07").write_text(text.replace("OFFSET 0.0", "OFFSET 0.1"))
    ingest(bvh_source.source, smpl22, tmp_path)
    first = {clip.name: clip.joints_TJ3[0] for clip in read_clips(tmp_path / CLIPS_FILE)}
    reference = np.array(read_clip_metadata(tmp_path / CLIPS_FILE).reference, dtype=np.float32)
    np.testing.assert_array_equal(reference, first["walk_00"])
    ingest(bvh_source.source.model_copy(update={"reference_clip": "walk_07"}), smpl22, tmp_path)
    reference = np.array(read_clip_metadata(tmp_path / CLIPS_FILE).reference, dtype=np.float32)
    np.testing.assert_array_equal(reference, first["walk_07"])
    assert not np.array_equal(first["walk_00"], first["walk_07"])


def test_rejected_reference_clip_is_an_error(tmp_path: Path, smpl22: Skeleton, bvh_source) -> None:
    bvh_source.motion(VICTIM).write_bytes(b"")
    with pytest.raises(LampError, match=f"reference clip '{VICTIM}' was rejected"):
        ingest(bvh_source.source.model_copy(update={"reference_clip": VICTIM}), smpl22, tmp_path)


def test_skeleton_that_the_source_cannot_give(tmp_path: Path, bvh_source) -> None:
    with pytest.raises(LampError, match="has the skeleton smpl22, not kit21"):
        ingest(bvh_source.source, load_skeleton("kit21"), tmp_path)


def test_version_follows_names_sources_captions_and_splits(
    tmp_path: Path, smpl22: Skeleton, bvh_source
) -> None:
    def versions() -> tuple[str, str]:
        summary = ingest(bvh_source.source, smpl22, tmp_path)
        metadata = read_clip_metadata(tmp_path / CLIPS_FILE)
        assert metadata.version == summary.version
        return metadata.version, metadata.split_hash

    found = [versions(), versions()]
    assert found[0] == found[1]
    bvh_source.caption(VICTIM).write_text("runs#run/VERB#0#0\n")
    found.append(versions())
    bvh_source.motion(VICTIM).write_text(bvh_source.motion(VICTIM).read_text() + "\n")
    found.append(versions())
    splits = bvh_source.folder / "splits"
    (splits / "train.txt").write_text((splits / "train.txt").read_text().replace(f"{VICTIM}\n", ""))
    (splits / "val.txt").write_text((splits / "val.txt").read_text() + f"{VICTIM}\n")
    found.append(versions())
    assert len({version for version, _ in found}) == 4
    assert len({split_hash for _, split_hash in found[:4]}) == 1
    assert found[4][1] != found[0][1]


@pytest.mark.slow
def test_procedural_clips_do_not_depend_on_the_workers(tmp_path: Path, smpl22: Skeleton) -> None:
    source = Source(name="procedural", kind="procedural")
    count = 4 * JOBS_A_TASK
    progress: list[tuple[int, int]] = []
    for workers in (1, 2):
        ingest(
            source,
            smpl22,
            tmp_path / str(workers),
            procedural=(count, 3),
            workers=workers,
            on_progress=lambda done, total: progress.append((done, total)),
        )
    one, two = (tmp_path / str(workers) / CLIPS_FILE for workers in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    assert progress == [(done, count) for done in range(1, count + 1)] * 2
    reference = np.array(read_clip_metadata(one).reference, dtype=np.float32)
    np.testing.assert_array_equal(reference, canonical_reference(smpl22))


def test_procedural_clips_need_number_and_seed(tmp_path: Path, smpl22: Skeleton) -> None:
    with pytest.raises(LampError, match="give the number of clips and the seed"):
        ingest(Source(name="procedural", kind="procedural"), smpl22, tmp_path)
