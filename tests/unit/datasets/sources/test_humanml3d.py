"""The published layout: ready features as they are, joints without them, captions with their time spans."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.datasets.ingest import CLIPS_FILE, ingest
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.store import read_clip_metadata, read_clips
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.skeleton.skeleton import load_skeleton

SAMPLE = Path(__file__).parents[5] / "shared" / "data" / "humanml3d-sample"
VICTIM = "000003"


@pytest.mark.parametrize("skeleton_name", ["smpl22", "kit21"])
def test_ready_features_are_kept_and_joints_recovered(
    tmp_path: Path, write_published, skeleton_name: str
) -> None:
    written = write_published(skeleton_name, True)
    skeleton = load_skeleton(skeleton_name)
    assert written.source.skeleton == skeleton_name
    assert ingest(written.source, skeleton, tmp_path).clips == 12
    for clip in read_clips(tmp_path / CLIPS_FILE):
        features_TD = np.load(written.motion(clip.name))
        np.testing.assert_array_equal(clip.features_TD, features_TD)
        recovered_TJ3 = decode(torch.from_numpy(features_TD), skeleton).numpy()
        np.testing.assert_allclose(clip.joints_TJ3, recovered_TJ3, atol=1e-5)
        assert clip.frames_per_second == skeleton.frames_per_second
    metadata = read_clip_metadata(tmp_path / CLIPS_FILE)
    assert metadata.published_mean == [0.5] * skeleton.feature_count
    assert metadata.published_std == [2.0] * skeleton.feature_count


@pytest.mark.parametrize("skeleton_name", ["smpl22", "kit21"])
def test_joints_without_ready_features(tmp_path: Path, write_published, skeleton_name: str) -> None:
    written = write_published(skeleton_name, False)
    ingest(written.source, load_skeleton(skeleton_name), tmp_path)
    for clip in read_clips(tmp_path / CLIPS_FILE):
        assert clip.features_TD is None
        np.testing.assert_array_equal(clip.joints_TJ3, np.load(written.motion(clip.name)))


def test_time_spans_stay_with_their_captions(tmp_path: Path, write_published) -> None:
    written = write_published("smpl22", True)
    written.caption(VICTIM).write_text("walks#walk/VERB#0.0#0.0\nthen turns#turn/VERB#0.5#1.25\n")
    ingest(written.source, load_skeleton("smpl22"), tmp_path)
    clip = next(clip for clip in read_clips(tmp_path / CLIPS_FILE) if clip.name == VICTIM)
    assert [(caption.start, caption.end) for caption in clip.captions] == [(0.0, 0.0), (0.5, 1.25)]


def nan_in(features_TD: np.ndarray) -> np.ndarray:
    features_TD[3, 5] = np.nan
    return features_TD


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("joint-count", lambda features_TD: features_TD[:, :-1]),
        ("joint-count", lambda features_TD: features_TD[:, None]),
        ("not-finite", nan_in),
        ("empty", lambda features_TD: features_TD[:0]),
        ("too-short", lambda features_TD: features_TD[:1]),
        ("unreadable", lambda features_TD: np.array([{"an": "object"}], dtype=object)),
        ("unreadable", lambda features_TD: features_TD.astype(np.str_)),
    ],
)
def test_bad_array_is_rejected(tmp_path: Path, write_published, reason: str, change) -> None:
    written = write_published("smpl22", True)
    np.save(written.motion(VICTIM), change(np.load(written.motion(VICTIM))))
    summary = ingest(written.source, load_skeleton("smpl22"), tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected] == [(VICTIM, reason)]


@pytest.mark.parametrize(("reason", "length"), [("empty", 0), ("unreadable", 60), ("unreadable", 1000)])
def test_torn_file_is_rejected(tmp_path: Path, write_published, reason: str, length: int) -> None:
    written = write_published("smpl22", True)
    path = written.motion(VICTIM)
    path.write_bytes(path.read_bytes()[:length])
    summary = ingest(written.source, load_skeleton("smpl22"), tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected] == [(VICTIM, reason)]


@pytest.mark.parametrize("content", [b"torn", None])
def test_bad_published_statistics_are_named(tmp_path: Path, write_published, content: bytes | None) -> None:
    written = write_published("smpl22", True)
    path = written.folder / "Std.npy"
    path.write_bytes(content) if content else np.save(path, np.zeros(7))
    with pytest.raises(LampError, match=r"Std\.npy"):
        ingest(written.source, load_skeleton("smpl22"), tmp_path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the published sample is not beside the project")
def test_published_sample_without_splits_and_texts_is_rejected(tmp_path: Path) -> None:
    source = KINDS["humanml3d"].complete(Source(name="sample", kind="humanml3d", motions=SAMPLE))
    assert source.skeleton == "smpl22"
    with pytest.raises(LampError, match=r"1 of 1 clips of 'sample' were rejected[\s\S]*no-split"):
        ingest(source, load_skeleton("smpl22"), tmp_path)
