"""Every check finds the fault it is for, and leaves sound clips alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.features import moving_clip
from lamp_core.config.models import ClipLimits
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Clip
from lamp_core.datasets.preprocessing.clip_checks import CHECKS, check_clip
from lamp_core.datasets.preprocessing.ingest import load_or_reject
from lamp_core.datasets.preprocessing.rejected_clips import Rejected
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.datasets.sources.base import ClipJob
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import detect_map
from lamp_core.skeleton.posture import body_height, fitting_units, likely_up_axis, root_to_head
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton


def moving_joints(skeleton: Skeleton, frames: int) -> np.ndarray:
    return moving_clip(skeleton, frames, np.random.default_rng(0))


def clip_of(skeleton: Skeleton, joints_TJ3: np.ndarray | None = None, frames: int = 60) -> Clip:
    joints = moving_joints(skeleton, frames) if joints_TJ3 is None else joints_TJ3
    captions = [tag_caption("a person walks forward.")]
    return Clip("walk", joints, skeleton.frames_per_second, captions, "train", "walk.bvh", "0" * 64)


def reasons(clip: Clip, skeleton: Skeleton, **limits: object) -> list[str]:
    return [finding.reason for finding in check_clip(clip, skeleton, ClipLimits.model_validate(limits))]


def spoil(skeleton: Skeleton, fault: str) -> Clip:
    """A clip with one fault."""
    metre = 1 / skeleton.metres_per_unit
    clip = clip_of(skeleton)
    joints = clip.joints_TJ3.copy()
    if fault == "unit":
        joints *= 100
    elif fault == "jump":
        joints[30:, :, 0] += 2 * metre
    elif fault == "bone-length":
        joints[20, skeleton.index("left_wrist"), 1] -= 0.3 * metre
    elif fault == "too-fast":
        joints[20:, skeleton.index("left_wrist"), 0] += 4 * metre
    elif fault == "lying":
        joints = joints[..., [0, 2, 1]]
    elif fault == "off-ground":
        joints[3:, :, 1] += 3 * metre
    elif fault == "too-long":
        joints = moving_joints(skeleton, int(130 * skeleton.frames_per_second))
    return replace(clip, joints_TJ3=joints)


def test_sound_clip_has_no_finding(skeleton: Skeleton) -> None:
    assert check_clip(clip_of(skeleton), skeleton) == []


@pytest.mark.parametrize(
    "fault", ["unit", "jump", "bone-length", "too-fast", "lying", "off-ground", "too-long"]
)
def test_each_fault_of_the_motion_is_found(skeleton: Skeleton, fault: str) -> None:
    found = check_clip(spoil(skeleton, fault), skeleton)
    assert fault in [finding.reason for finding in found]
    by_default = {"unit", "jump"}
    assert all(finding.rejects == (finding.reason in by_default) for finding in found)


@pytest.mark.parametrize(
    ("captions", "reason"),
    [
        ([], "caption-missing"),
        ([Caption("...", (), ())], "caption-wordless"),
        ([Caption("12 34", ("12", "34"), ("NUM", "NUM"))], "caption-wordless"),
        ([Caption("walks", (), ())], "caption-wordless"),
        ([Caption("walks", ("walk",), ("VERB",), 5.0, 9.0)], "caption-span"),
    ],
)
def test_each_fault_of_the_captions_is_found(smpl22: Skeleton, captions: list[Caption], reason: str) -> None:
    assert reasons(replace(clip_of(smpl22), captions=captions), smpl22) == [reason]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("joints", "joint-count"), ("flat", "joint-count"), ("short", "too-short"), ("nan", "not-finite")],
)
def test_broken_arrays_are_rejected_and_measured_no_further(
    smpl22: Skeleton, fault: str, reason: str
) -> None:
    joints = moving_joints(smpl22, 20)
    broken = {
        "joints": joints[:, :-1],
        "flat": joints.reshape(20, -1),
        "short": joints[:1],
        "nan": np.where(np.arange(20)[:, None, None] == 7, np.nan, joints),
    }[fault]
    found = check_clip(clip_of(smpl22, broken), smpl22, ClipLimits(reject=()))
    assert [(finding.reason, finding.rejects) for finding in found] == [(reason, True)]


def test_what_rejects_is_a_choice(smpl22: Skeleton) -> None:
    clip = spoil(smpl22, "lying")
    assert {finding.rejects for finding in check_clip(clip, smpl22)} == {False}
    strict = ClipLimits(reject=CHECKS)
    assert {finding.rejects for finding in check_clip(clip, smpl22, strict)} == {True}


def test_ingest_rejects_by_the_limits_and_notes_the_warnings(smpl22: Skeleton) -> None:
    class Job(ClipJob):
        def load(self) -> Clip:
            return spoil(smpl22, self.source)

    warned = load_or_reject(Job("walk", "lying"), "smpl22", 2)
    assert isinstance(warned, Clip) and "lying" in warned.warnings
    rejected = load_or_reject(Job("walk", "lying"), "smpl22", 2, ClipLimits(reject=("lying",)))
    assert isinstance(rejected, Rejected) and rejected.reason == "lying"
    fast = load_or_reject(Job("walk", "jump"), "smpl22", 2)
    assert isinstance(fast, Rejected) and fast.reason == "jump" and "m/s" in fast.detail


def test_height_does_not_depend_on_the_pose(skeleton: Skeleton) -> None:
    standing = moving_joints(skeleton, 30)
    lying = standing[..., [0, 2, 1]]
    assert body_height(lying, skeleton) == pytest.approx(body_height(standing, skeleton))
    assert 1.2 < body_height(standing, skeleton) < 1.8


def test_a_wrong_unit_and_a_wrong_axis_are_named(skeleton: Skeleton) -> None:
    assert fitting_units(1.5 * 100, 1.0) == ["cm"]
    assert fitting_units(1.5, 0.01) == ["cm"]
    standing = moving_joints(skeleton, 30)
    assert likely_up_axis([root_to_head(standing, skeleton)], "y") == "y"
    assert likely_up_axis([root_to_head(standing[..., [0, 2, 1]], skeleton)] * 3, "y") == "z"
    assert likely_up_axis([root_to_head(standing[..., [1, 0, 2]], skeleton)] * 3, "y") == "x"


def test_real_clips_have_no_finding(shared: Path, smpl22: Skeleton) -> None:
    for path in sorted((shared / "data" / "bandai-namco" / "bvh").glob("*.bvh"))[::150]:
        motion = read_bvh(path)
        joints = detect_map(motion.joint_names).apply(motion.joint_positions(), motion.joint_names, smpl22)
        resampled = resample(joints, motion.frames_per_second, smpl22.frames_per_second)
        assert check_clip(clip_of(smpl22, resampled.astype(np.float32)), smpl22) == []
