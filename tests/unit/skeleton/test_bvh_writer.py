from pathlib import Path

import numpy as np
import pytest

from benchmarks.features import moving_clip
from lamp_core.errors import RejectedClip
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton

MILLIMETRE = 0.001


def largest_difference(path: Path, joints: np.ndarray, skeleton: Skeleton) -> float:
    bvh = read_bvh(path)
    order = [bvh.joint_names.index(joint) for joint in skeleton.joints]
    return float(np.abs(bvh.joint_positions()[:, order] - joints).max()) * skeleton.metres_per_unit


def test_moving_body_comes_back(tmp_path: Path, skeleton: Skeleton):
    joints = moving_clip(skeleton, 50, np.random.default_rng(0))
    write_bvh(tmp_path / "clip.bvh", joints, skeleton, skeleton.frames_per_second)
    assert largest_difference(tmp_path / "clip.bvh", joints, skeleton) < 0.1 * MILLIMETRE
    assert read_bvh(tmp_path / "clip.bvh").frames_per_second == pytest.approx(skeleton.frames_per_second)


def test_bones_that_change_their_length_come_back(tmp_path: Path, skeleton: Skeleton):
    generator = np.random.default_rng(1)
    joints = moving_clip(skeleton, 30, generator)
    joints += generator.normal(0, 0.05 / skeleton.metres_per_unit, joints.shape)
    write_bvh(tmp_path / "clip.bvh", joints, skeleton, 20)
    assert largest_difference(tmp_path / "clip.bvh", joints, skeleton) < 0.1 * MILLIMETRE


def test_rigid_limbs_need_rotations_only(tmp_path: Path, skeleton: Skeleton):
    joints = moving_clip(skeleton, 30, np.random.default_rng(0))
    write_bvh(tmp_path / "clip.bvh", joints, skeleton, 20)
    bvh = read_bvh(tmp_path / "clip.bvh")
    assert len(bvh.channels[0]) == 6
    for limb in ("left_knee", "right_ankle", "left_elbow", "right_wrist"):
        assert bvh.channels[bvh.joint_names.index(limb)] == ("Zrotation", "Xrotation", "Yrotation")


def test_opposite_and_missing_bones_come_back(tmp_path: Path, skeleton: Skeleton):
    rest = canonical_reference(skeleton)
    upside_down = rest * [1, -1, 1]
    collapsed = rest.copy()
    wrist, elbow = skeleton.index("left_wrist"), skeleton.index("left_elbow")
    collapsed[wrist] = collapsed[elbow]
    joints = np.stack((rest, upside_down, collapsed, np.zeros_like(rest)))
    write_bvh(tmp_path / "clip.bvh", joints, skeleton, 20)
    assert largest_difference(tmp_path / "clip.bvh", joints, skeleton) < 0.1 * MILLIMETRE


def test_what_cannot_be_written_is_rejected(tmp_path: Path, skeleton: Skeleton):
    joints = np.zeros((4, skeleton.joint_count, 3))
    faults = {"joint-count": joints[:, 1:], "empty": joints[:0], "not-finite": joints + np.nan}
    for reason, faulty in faults.items():
        with pytest.raises(RejectedClip) as caught:
            write_bvh(tmp_path / "clip.bvh", faulty, skeleton, 20)
        assert caught.value.reason == reason


def test_real_clip_comes_back(tmp_path: Path, shared: Path, skeleton: Skeleton):
    features = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    joints = features["BN2_walk-turn-left_youthful_013/joints"]
    write_bvh(tmp_path / "clip.bvh", joints, skeleton, skeleton.frames_per_second)
    assert largest_difference(tmp_path / "clip.bvh", joints, skeleton) < 0.1 * MILLIMETRE
