"""The published layout: ready features as they are, joints without them, captions with their time spans."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.features.mirror import mirror
from lamp_core.pairs.negatives import base_motion
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.datasets.conftest import moving_joints

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
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


@pytest.mark.parametrize(("reason", "length"), [("empty", 0), ("unreadable", 60), ("truncated", 1000)])
def test_torn_file_is_rejected(tmp_path: Path, write_published, reason: str, length: int) -> None:
    written = write_published("smpl22", True)
    path = written.motion(VICTIM)
    path.write_bytes(path.read_bytes()[:length])
    summary = ingest(written.source, load_skeleton("smpl22"), tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


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


@pytest.mark.parametrize("with_features", [True, False])
def test_mirror_image_that_is_not_there_is_made(tmp_path: Path, write_published, with_features: bool) -> None:
    skeleton = load_skeleton("smpl22")
    written = write_published("smpl22", with_features)
    for name in ("M000001", "M000002"):
        (written.folder / "texts" / f"{name}.txt").write_text("turns left#turn/VERB left/ADV#0.0#0.0\n")
        with (written.folder / "train.txt").open("a") as file:
            file.write(f"{name}\n")
    own = written.motion("000001").with_name("M000001.npy")
    np.save(own, np.load(written.motion("000005")))
    assert ingest(written.source, skeleton, tmp_path).clips == 14
    clips = {clip.name: clip for clip in read_clips(tmp_path / CLIPS_FILE)}
    np.testing.assert_array_equal(clips["M000001"].joints_TJ3, clips["000005"].joints_TJ3)
    np.testing.assert_array_equal(clips["M000002"].joints_TJ3, mirror(clips["000002"].joints_TJ3, skeleton))
    assert clips["M000002"].features_TD is None
    assert clips["M000002"].source == clips["000002"].source
    assert clips["M000002"].source_sha256 != clips["000002"].source_sha256
    assert clips["M000002"].captions[0].text == "turns left"
    assert base_motion("M000002", clips) == base_motion("000002", clips)


def test_raw_joints_of_the_first_script_keep_the_body(tmp_path: Path, write_published) -> None:
    written = write_published("smpl22", False)
    for path in (written.folder / "joints").iterdir():
        np.save(path, np.concatenate([np.load(path), np.zeros((30, 30, 3))], axis=1))
    source = KINDS["humanml3d"].complete(Source(name="raw", kind="humanml3d", motions=written.folder))
    assert source.skeleton == "smpl22"
    assert ingest(source, load_skeleton("smpl22"), tmp_path).clips == 12
    clip = next(read_clips(tmp_path / CLIPS_FILE))
    np.testing.assert_array_equal(clip.joints_TJ3, moving_joints(load_skeleton("smpl22"), 30, 0))


def test_captions_with_a_span_become_items_of_their_own(tmp_path: Path, write_published) -> None:
    written = write_published("smpl22", True)
    written.caption(VICTIM).write_text("walks#walk/VERB#0.0#0.0\nthen turns#turn/VERB#0.5#1.25\n")
    ingest(written.source, load_skeleton("smpl22"), tmp_path / "ingest")
    extract_features(tmp_path / "ingest", tmp_path / "features")
    items = [item for item in items_of(FeatureSet.load(tmp_path / "features")) if item.clip == VICTIM]
    assert [(item.start, item.frames, item.captions[0].text) for item in items] == [
        (0, 28, "walks"),
        (10, 12, "then turns"),
    ]


def test_kit_is_its_own_kind(tmp_path: Path, write_published) -> None:
    folder = write_published("kit21", True).folder
    source = KINDS["kit"].complete(Source(name="kit", kind="kit", motions=folder))
    assert source.skeleton == "kit21"
    assert ingest(source, load_skeleton("kit21"), tmp_path).clips == 12
    other = write_published("smpl22", True).folder
    with pytest.raises(LampError, match=r"fit none of the skeletons kit21: .* \(30, 263\)"):
        KINDS["kit"].complete(Source(name="kit", kind="kit", motions=other))


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the published sample is not beside the project")
@pytest.mark.parametrize("part", ["new_joint_vecs", "new_joints"])
def test_published_sample_as_vectors_and_as_joints(tmp_path: Path, part: str) -> None:
    """The same clip either way: the joints that the published vectors recover, and the published joints."""
    for name in (part, "texts"):
        (tmp_path / "sample" / name).mkdir(parents=True)
    shutil.copy(SAMPLE / part / "012314.npy", tmp_path / "sample" / part)
    for name in ("Mean.npy", "Std.npy"):
        shutil.copy(SAMPLE / name, tmp_path / "sample")
    (tmp_path / "sample" / "train.txt").write_text("012314\n")
    (tmp_path / "sample" / "texts" / "012314.txt").write_text("walks#walk/VERB#0.0#0.0\n")
    stated = Source(name="sample", kind="humanml3d", motions=tmp_path / "sample")
    source = KINDS["humanml3d"].complete(stated)
    ingest(source, load_skeleton("smpl22"), tmp_path)
    clip = next(read_clips(tmp_path / CLIPS_FILE))
    published_TJ3 = np.load(SAMPLE / "new_joints" / "012314.npy")
    np.testing.assert_allclose(clip.joints_TJ3, published_TJ3[: len(clip.joints_TJ3)], atol=1e-4)
    assert (clip.features_TD is None) == (part == "new_joints")
    assert len(read_clip_metadata(tmp_path / CLIPS_FILE).published_mean or []) == 263
