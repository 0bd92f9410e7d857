"""Any motion file becomes joints of a skeleton, or an error that says what to do."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.features import moving_clip
from lamp_core.datasets.motion_file import Gate, read_motion_file
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.errors import LampError
from lamp_core.exports.kinds import save_motion
from lamp_core.features.encode import encode
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton

MILLIMETRE = 0.001


@pytest.fixture
def joints(skeleton: Skeleton) -> np.ndarray:
    return moving_clip(skeleton, 40, np.random.default_rng(0))


def test_bvh_out_and_in_again_keeps_joints_within_a_millimetre(
    tmp_path: Path, skeleton: Skeleton, joints: np.ndarray
) -> None:
    save_motion(tmp_path / "walk.bvh", joints, skeleton, skeleton.frames_per_second)
    read = read_motion_file(tmp_path / "walk.bvh")
    assert read.skeleton.name == skeleton.name
    assert read.frames_per_second == pytest.approx(skeleton.frames_per_second)
    assert np.abs(read.joints_TJ3 - joints).max() * skeleton.metres_per_unit < MILLIMETRE


def test_joints_and_features_are_told_by_their_shape(
    tmp_path: Path, skeleton: Skeleton, joints: np.ndarray
) -> None:
    np.save(tmp_path / "joints.npy", joints)
    np.testing.assert_array_equal(read_motion_file(tmp_path / "joints.npy").joints_TJ3, joints)
    features = encode(joints, skeleton, canonical_reference(skeleton)).numpy()
    np.save(tmp_path / "features.npy", features)
    read = read_motion_file(tmp_path / "features.npy")
    assert read.skeleton.name == skeleton.name and read.joints_TJ3.shape == (39, skeleton.joint_count, 3)


def test_a_wrong_unit_names_the_right_one(tmp_path: Path, joints: np.ndarray, skeleton: Skeleton) -> None:
    save_motion(tmp_path / "walk.bvh", joints, skeleton, skeleton.frames_per_second)
    wrong, right = ("cm", "m") if skeleton.metres_per_unit == 1 else ("m", "mm")
    with pytest.raises(LampError, match=f"m tall; give --unit {right}"):
        read_motion_file(tmp_path / "walk.bvh", Gate(MotionForm(unit=wrong)))  # type: ignore[arg-type]
    read_motion_file(tmp_path / "walk.bvh", Gate(MotionForm(unit=right)))  # type: ignore[arg-type]


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "picture.npy", np.zeros((4, 5)))
    np.save(tmp_path / "nan.npy", np.full((4, 22, 3), np.nan))
    (tmp_path / "cut.bvh").write_text("HIERARCHY\nROOT hips\n{")
    (tmp_path / "walk.fbx").write_text("")
    faults = {
        "picture.npy": r"shape \(4, 5\).*smpl22",
        "nan.npy": "not finite",
        "cut.bvh": "truncated",
        "walk.fbx": "unknown ending",
        "none.npy": "there is no",
    }
    for name, fault in faults.items():
        with pytest.raises(LampError, match=fault) as caught:
            read_motion_file(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_published_clip_is_read(shared: Path) -> None:
    folder = shared / "data" / "humanml3d-sample"
    features = read_motion_file(folder / "new_joint_vecs" / "012314.npy")
    joints = read_motion_file(folder / "new_joints" / "012314.npy")
    assert np.abs(features.joints_TJ3 - joints.joints_TJ3).max() < 1e-3
