"""Joints in .npy files: units, axes, rates, and what tells that one of them is wrong."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.config.models import ClipLimits
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clips
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import register_source
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.sources.splits import split_by_name
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from tests.unit.datasets.conftest import CAPTION_LINE, moving_joints

VICTIM = "day_1/walk_05"


@pytest.fixture
def write_npy(tmp_path: Path):
    """A function that writes twelve clips, each changed by a function, and states them."""

    def write(skeleton: Skeleton, change=lambda joints_TJ3: joints_TJ3, **options) -> Source:
        for index in range(12):
            for part, ending in (("joints", "npy"), ("texts", "txt")):
                path = tmp_path / part / "day_1" / f"walk_{index:02d}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                if ending == "npy":
                    np.save(path, change(moving_joints(skeleton, 40, index)))
                else:
                    path.write_text(CAPTION_LINE)
        folders = {"motions": tmp_path / "joints", "captions": tmp_path / "texts"}
        return Source(name="own", kind="npy", skeleton=skeleton.name, **(folders | options))

    return write


def z_up(joints_TJ3: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(joints_TJ3, -1, 0)
    return np.stack([-x, z, y], axis=-1)


@pytest.mark.parametrize("skeleton_name", ["smpl22", "kit21", "smplx52"])
@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda joints_TJ3: joints_TJ3, {}),
        (z_up, {"up": "z"}),
        (lambda joints_TJ3: joints_TJ3.astype(np.float64), {}),
    ],
)
def test_joints_as_they_were(tmp_path: Path, write_npy, skeleton_name: str, change, options) -> None:
    skeleton = load_skeleton(skeleton_name)
    source = KINDS["npy"].complete(write_npy(skeleton, change, **options))
    assert ingest(source, skeleton, tmp_path).clips == 12
    for index, clip in enumerate(read_clips(tmp_path / CLIPS_FILE)):
        np.testing.assert_allclose(clip.joints_TJ3, moving_joints(skeleton, 40, index), rtol=1e-5, atol=1e-5)
        assert clip.split == split_by_name(clip.name)


@pytest.mark.parametrize(("unit", "in_a_metre"), [("m", 1), ("cm", 100), ("mm", 1000), ("inch", 1 / 0.0254)])
def test_units(tmp_path: Path, write_npy, smpl22: Skeleton, unit: str, in_a_metre: float) -> None:
    source = write_npy(smpl22, lambda joints_TJ3: joints_TJ3 * in_a_metre, unit=unit)
    ingest(KINDS["npy"].complete(source), smpl22, tmp_path)
    clip = next(read_clips(tmp_path / CLIPS_FILE))
    np.testing.assert_allclose(clip.joints_TJ3, moving_joints(smpl22, 40, 0), rtol=1e-5, atol=1e-5)


def test_another_rate_and_whole_millimetres(tmp_path: Path, write_npy, smpl22: Skeleton) -> None:
    source = write_npy(
        smpl22,
        lambda joints_TJ3: np.round(np.repeat(joints_TJ3, 3, axis=0) * 1000).astype(np.int32),
        unit="mm",
        frames_per_second=60.0,
    )
    ingest(KINDS["npy"].complete(source), smpl22, tmp_path)
    clip = next(read_clips(tmp_path / CLIPS_FILE))
    np.testing.assert_allclose(clip.joints_TJ3, moving_joints(smpl22, 40, 0), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            lambda joints_TJ3: joints_TJ3 * 100,
            {},
            r"the people are 1\d\d m tall; give --unit cm",
        ),
        (lambda joints_TJ3: joints_TJ3, {"unit": "mm"}, "m tall; give --unit m"),
        (lambda joints_TJ3: joints_TJ3 * 1e6, {}, "no unit known here fits them"),
        (z_up, {}, "with up axis y the people lie on the floor; give --up z"),
        (lambda joints_TJ3: joints_TJ3, {"up": "z"}, "with up axis z .* give --up y"),
        (
            lambda joints_TJ3: joints_TJ3[:, :-1],
            {},
            r"none of the first files holds joints of smpl22.*21, 3\)",
        ),
        (lambda joints_TJ3: joints_TJ3, {"skeleton": None}, "name the skeleton with --skeleton"),
        (lambda joints_TJ3: joints_TJ3, {"reference_clip": "x"}, "reference clip 'x' is not in"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(
    write_npy, smpl22: Skeleton, change, options: dict, message: str
) -> None:
    source = write_npy(smpl22, change).model_copy(update=options)
    with pytest.raises(LampError, match=message):
        KINDS["npy"].complete(source)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("joint-count", lambda array: array[:, :-1]),
        ("not-finite", lambda array: array * np.inf),
        ("empty", lambda array: array[:0]),
        ("too-short", lambda array: array[:1]),
        ("unit", lambda array: array * 1000),
        ("unreadable", lambda array: np.array([{"a": 1}], dtype=object)),
    ],
)
def test_bad_clip_is_rejected(tmp_path: Path, write_npy, smpl22: Skeleton, reason: str, change) -> None:
    source = KINDS["npy"].complete(write_npy(smpl22))
    path = tmp_path / "joints" / f"{VICTIM}.npy"
    np.save(path, change(np.load(path)))
    summary = ingest(source, smpl22, tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


def test_without_captions_only_where_that_is_allowed(tmp_path: Path, write_npy, smpl22: Skeleton) -> None:
    source = KINDS["npy"].complete(write_npy(smpl22, captions=None))
    summary = ingest(source, smpl22, tmp_path)
    assert (summary.clips, summary.captions, summary.warnings["caption-missing"]) == (12, 0, 12)
    with pytest.raises(LampError, match="caption-missing"):
        ingest(source, smpl22, tmp_path, limits=ClipLimits(reject=("caption-missing",)))


def test_splits_by_name_are_steady_and_of_the_published_shares() -> None:
    splits = [split_by_name(f"clip_{index}") for index in range(20_000)]
    shares = {split: splits.count(split) / len(splits) for split in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.80, "val": 0.05, "test": 0.15}, abs=0.01)
    assert splits[:500] == [split_by_name(f"clip_{index}") for index in range(500)]


def test_registering_counts_and_fingerprints(tmp_path: Path, write_npy, smpl22: Skeleton) -> None:
    source = write_npy(smpl22)
    options = {"motions": source.motions, "captions": source.captions, "skeleton": "smpl22"}
    summary = register_source(tmp_path / "data", "own", "npy", options)
    assert (summary.clips, summary.captions, summary.faults) == (12, 12, {})
    assert sum(summary.clips_of_split.values()) == 12
