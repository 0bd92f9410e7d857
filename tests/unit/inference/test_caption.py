"""Captions of motion files: batches, windows, several captions, and every way a file can be wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.inference.caption import Window, caption_files
from lamp_core.m2t.decoding import Search
from lamp_core.skeleton.bvh_writer import write_bvh
from tests.small_project import make_features

NUCLEUS = Search("nucleus", seed=7)


class FakeCaptioner:
    """Says how many frames it was given, and with which seed; knows motions of at most 64 frames."""

    longest_frames = 64

    def __init__(self) -> None:
        self.calls: list[list[np.ndarray]] = []

    def captions(self, motions: Sequence[np.ndarray], search: Search | None = None) -> list[str]:
        self.calls.append(list(motions))
        return [
            f"{len(motion_TD)} frames" + (f", seed {search.seed}" if search else "") for motion_TD in motions
        ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("captioned") / "data"
    (data / "sources").mkdir(parents=True)
    (data / "sources" / "procedural.yaml").write_text("{name: procedural, kind: procedural}")
    make_features(data, "smpl22", 12)
    return data


@pytest.fixture(scope="module")
def features(data: Path) -> FeatureSet:
    return FeatureSet.load(data / "features")


@pytest.fixture
def captioner(monkeypatch: pytest.MonkeyPatch) -> FakeCaptioner:
    fake = FakeCaptioner()
    monkeypatch.setattr("lamp_core.inference.caption.loaded", lambda data, capability, name: fake)
    return fake


def save(path: Path, features: FeatureSet, frames: int) -> Path:
    clip_TD = next(clip_TD for clip_TD in features.features if len(clip_TD) >= min(frames, 40))
    np.save(path, np.resize(clip_TD, (frames, clip_TD.shape[1])))
    return path


def test_all_files_are_captioned_together_normalised(
    data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    paths = [save(tmp_path / f"{frames}.npy", features, frames) for frames in (40, 24, 67)]
    found = caption_files(data, paths)
    assert [(each.path, each.fault) for each in found] == [(path, "") for path in paths]
    assert [each.windows for each in found] == [
        (Window(0.0, frames / 20, (f"{frames} frames",)),) for frames in (40, 24, 67)
    ]
    (motions,) = captioner.calls
    expected = features.statistics.normalise(np.load(paths[0]))
    np.testing.assert_allclose(motions[0], expected, atol=1e-5)
    assert motions[0].dtype == np.float32


@pytest.mark.parametrize("form", ["joints", "bvh"])
def test_joints_and_bvh_are_captioned_like_features(
    form: str, data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    clip_TD = next(clip_TD for clip_TD in features.features if len(clip_TD) > 40)
    joints_TJ3 = decode(torch.from_numpy(clip_TD[:41].copy()), features.skeleton).numpy()
    path = tmp_path / ("motion.bvh" if form == "bvh" else "motion.npy")
    if form == "bvh":
        write_bvh(path, joints_TJ3, features.skeleton, 20.0)
    else:
        np.save(path, joints_TJ3)
    (found,) = caption_files(data, [path])
    assert found.fault == ""
    assert [window.captions for window in found.windows] == [("40 frames",)]


def test_a_motion_longer_than_the_longest_is_captioned_in_parts(
    data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    (found,) = caption_files(data, [save(tmp_path / "long.npy", features, 150)])
    assert len(found.windows) > 2
    assert found.windows[0].start == 0.0 and found.windows[-1].end == 7.5
    assert all(one.end == other.start for one, other in zip(found.windows, found.windows[1:], strict=False))
    assert sum(len(motion_TD) for motion_TD in captioner.calls[0]) == 150
    assert max(len(motion_TD) for motion_TD in captioner.calls[0]) <= 64


def test_windows_are_at_most_as_long_as_asked_for(
    data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    path = save(tmp_path / "motion.npy", features, 60)
    (found,) = caption_files(data, [path], window_seconds=1.0)
    assert [(window.start, window.end) for window in found.windows] == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    (whole,) = caption_files(data, [path], window_seconds=60.0)
    assert [(window.start, window.end) for window in whole.windows] == [(0.0, 3.0)]
    with pytest.raises(LampError, match=r"windows of 0\.1 s are shorter than 0\.2 s"):
        caption_files(data, [path], window_seconds=0.1)


def test_several_captions_are_drawn_with_seeds_of_their_own(
    data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    path = save(tmp_path / "motion.npy", features, 40)
    (found,) = caption_files(data, [path], NUCLEUS, count=3)
    assert found.windows[0].captions == tuple(f"40 frames, seed {seed}" for seed in (7, 8, 9))
    for search in (None, Search("beam")):
        with pytest.raises(LampError, match="beam search gives one caption"):
            caption_files(data, [path], search, count=2)


def test_what_cannot_be_read_is_named_and_holds_up_nothing(
    data: Path, features: FeatureSet, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    good = save(tmp_path / "good.npy", features, 40)
    short = save(tmp_path / "short.npy", features, 3)
    np.save(tmp_path / "kit.npy", np.zeros((40, 251)))
    np.save(tmp_path / "holes.npy", np.full((40, 263), np.nan))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.bvh").write_text("no motion")
    (tmp_path / "motion.txt").write_text("")
    names = ("kit.npy", "holes.npy", "text.npy", "text.bvh", "motion.txt", "nowhere.npy")
    paths = [short, *(tmp_path / name for name in names), good]
    *bad, last = caption_files(data, paths)
    for each, told in zip(
        bad,
        (
            "has 3 feature frames; a motion needs at least 4",
            "has the shape (40, 251); known: smpl22 joints (T, 22, 3) or features (T, 263)",
            "not finite",
            "no .npy array",
            "text.bvh",
            "motions are read from",
            "there is no",
        ),
        strict=True,
    ):
        assert told in each.fault
        assert str(each.path) in each.fault
        assert "\n" not in each.fault
        assert each.windows == ()
    assert last.windows[0].captions == ("40 frames",)
    assert [len(motions) for motions in captioner.calls] == [1]
    (alone,) = caption_files(data, [short])
    assert alone.fault and len(captioner.calls) == 1


def test_requests_that_cannot_be_met(data: Path, tmp_path: Path) -> None:
    with pytest.raises(LampError, match="no motion to caption"):
        caption_files(data, [])
    with pytest.raises(LampError, match="0 captions asked for"):
        caption_files(data, [tmp_path / "a.npy"], count=0)
    with pytest.raises(LampError, match=r"features\.parquet is missing"):
        caption_files(tmp_path, [tmp_path / "a.npy"])
