"""Between two frames bones keep their lengths, as scipy interpolates rotations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from lamp_core.datasets.sources.amass import Parameters
from lamp_core.skeleton.bvh import BvhMotion, read_bvh
from lamp_core.skeleton.mapping import detect_map
from lamp_core.skeleton.resampling import axis_angles_of, quaternions_of, resample, version_mark
from lamp_core.skeleton.skeleton import load_skeleton

PARENTS = (-1, 0, 1, 0)
CHANNELS = (
    ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation"),
    ("Xrotation", "Zrotation", "Yrotation"),
    (),
    ("Yrotation",),
)


def motion_of(values_TC: np.ndarray, rate: float) -> BvhMotion:
    offsets = ((0.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.5, 1.0, 0.0), (1.0, 0.0, 3.0))
    return BvhMotion(("root", "one", "end", "other"), PARENTS, offsets, CHANNELS, rate, values_TC)


def scipy_joints(motion: BvhMotion, times_S: np.ndarray) -> np.ndarray:
    """Forward kinematics, a joint and a sample at a time, from scipy's interpolation of rotations."""
    frame_times = np.arange(len(motion.values_TC)) / motion.frames_per_second
    places = np.empty((len(times_S), len(PARENTS), 3))
    world: list[Rotation] = []
    column = 0
    for joint, (parent, channels) in enumerate(zip(PARENTS, CHANNELS, strict=True)):
        offset_S3 = np.tile(motion.offsets[joint], (len(times_S), 1))
        turns = [name for name in channels if name.endswith("rotation")]
        for axis in range(len(channels) - len(turns)):
            offset_S3[:, axis] = np.interp(times_S, frame_times, motion.values_TC[:, column + axis])
        column += len(channels) - len(turns)
        local = Rotation.identity(len(times_S))
        if turns:
            angles = motion.values_TC[:, column : column + len(turns)]
            order = "".join(name[0] for name in turns)
            local = Slerp(frame_times, Rotation.from_euler(order, angles, degrees=True))(times_S)
        column += len(turns)
        places[:, joint] = offset_S3 if parent < 0 else places[:, parent] + world[parent].apply(offset_S3)
        world.append(local if parent < 0 else world[parent] * local)
    return places


@pytest.mark.parametrize("rate", [20.0, 12.5, 30.0, 47.0])
def test_a_bvh_file_at_another_rate_is_what_scipy_makes_of_it(rate: float):
    values_TC = np.random.default_rng(3).uniform(-170, 170, (40, 10)).cumsum(axis=0)
    motion = motion_of(values_TC, 30.0)
    joints = motion.joint_positions(rate)
    times_S = np.minimum(np.arange(len(joints)) / rate, 39 / 30)
    np.testing.assert_allclose(joints, scipy_joints(motion, times_S), atol=1e-6)
    np.testing.assert_allclose(motion.joint_positions(30.0), motion.joint_positions(), atol=1e-9)


def test_bones_keep_their_lengths_and_places_in_between_do_not():
    """An arm of 2 that turns by 60 degrees: its chord's middle is cos(30 degrees) as long."""
    values_TC = np.zeros((3, 10))
    values_TC[:, 6] = [0.0, 60.0, 120.0]
    motion = motion_of(values_TC, 10.0)
    by_rotations = motion.joint_positions(20.0)
    by_places = resample(motion.joint_positions(), 10.0, 20.0)

    def upper_arm(joints: np.ndarray) -> np.ndarray:
        return np.linalg.norm(joints[:, 2] - joints[:, 1], axis=-1) / np.linalg.norm([0.5, 1.0])

    np.testing.assert_allclose(upper_arm(by_rotations), 1.0)
    np.testing.assert_allclose(by_rotations[::2], by_places[::2], atol=1e-12)
    assert upper_arm(by_places)[1] < 0.9


def test_angles_that_jump_by_a_whole_turn_turn_nothing():
    values_TC = np.zeros((4, 10))
    values_TC[:, 3] = [179.0, -179.0, 539.0, 181.0]
    steps = np.diff(motion_of(values_TC, 10.0).joint_positions(40.0)[:, 1], axis=0)
    assert np.linalg.norm(steps, axis=-1).max() < 0.02


def test_axis_angles_and_quaternions_are_scipys():
    axis_angles = np.random.default_rng(0).normal(0, 1, (50, 3)) * [[1.0]] * 0.9
    axis_angles[:3] = [[0, 0, 0], [1e-9, 0, 0], [0, np.pi - 1e-3, 0]]
    scalar_last = Rotation.from_rotvec(axis_angles).as_quat()
    found = quaternions_of(axis_angles)
    same = np.sign((np.roll(scalar_last, 1, axis=-1) * found.T).sum(-1, keepdims=True))
    np.testing.assert_allclose(found.T, np.roll(scalar_last, 1, axis=-1) * same, atol=1e-12)
    np.testing.assert_allclose(
        Rotation.from_rotvec(axis_angles_of(found)).as_matrix(),
        Rotation.from_rotvec(axis_angles).as_matrix(),
        atol=1e-9,
    )


def test_parameters_of_a_body_turn_on_the_shortest_arc():
    rng = np.random.default_rng(1)
    rotations = Rotation.from_rotvec(rng.normal(0, 1.2, (60, 3)))
    given = Parameters(
        rotations.as_rotvec().reshape(30, 2, 3), rng.normal(0, 1, (30, 3)), np.zeros(10), "neutral", 30.0
    )
    made = given.at_rate(20.0)
    times = np.arange(20) / 20
    for joint in range(2):
        expected = Slerp(np.arange(30) / 30, rotations[joint::2])(times)
        difference = Rotation.from_rotvec(made.rotations_TK3[:, joint]) * expected.inv()
        assert difference.magnitude().max() < 1e-6
    np.testing.assert_allclose(made.root_T3, resample(given.root_T3[:, None], 30, 20)[:, 0])
    assert made.rate == 20.0
    assert replace(given).at_rate(30.0).rotations_TK3 is given.rotations_TK3


def test_what_is_made_otherwise_has_another_version():
    assert version_mark(30.0, 20.0) != ()
    assert version_mark(1 / 0.0333333, 20.0) != ()
    assert version_mark(20.0, 20.0) == version_mark(120.0, 20.0) == ()


def test_real_clips_keep_their_bones(shared: Path):
    """Places in between move joints by a centimetre and the upper arms by a per cent; rotations do not."""
    skeleton = load_skeleton("smpl22")
    shoulder, elbow = skeleton.joints.index("left_shoulder"), skeleton.joints.index("left_elbow")
    worst = 0.0
    for name in ("BN1_dash_active_001", "BN1_bow_angry_001", "BN2_walk_normal_001"):
        bvh = read_bvh(shared / "data" / "bandai-namco" / "bvh" / f"{name}.bvh")
        joint_map = detect_map(bvh.joint_names)
        joints = joint_map.joints_of(bvh, skeleton, 20.0)
        by_places = resample(joint_map.joints_of(bvh, skeleton), bvh.frames_per_second, 20.0)
        arm = np.linalg.norm(joints[:, elbow] - joints[:, shoulder], axis=-1)
        np.testing.assert_allclose(arm, arm[0], rtol=1e-9)
        assert joints.shape == by_places.shape
        worst = max(worst, float(np.linalg.norm(joints - by_places, axis=-1).max()))
    assert 0.001 < worst < 0.02
