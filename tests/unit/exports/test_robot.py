"""Angles of a robot, read by NumPy and turned into limbs as a URDF does."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from lamp_core.errors import LampError
from lamp_core.exports.robot import save_robot
from lamp_core.exports.robot_map import RobotMap, load_robot
from lamp_core.remarks import Remark
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.exports.motions import MILLIMETRE, SMPL, posed

G1 = load_robot("unitree-g1")
SPINE = {"spine3", "neck"}
"""Joints placed so that the neck stands over the pelvis, as the robot's does at zero."""
LIMBS = ("knee", "ankle", "elbow", "wrist")
OURS = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # X forward, Z up to Y up, Z forward


def read(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=float)


def turned(robot: RobotMap, angles_TN: np.ndarray) -> dict[str, np.ndarray]:
    """World rotation (T, 3, 3) of what hangs on each joint, one joint after the other."""
    world = {"pelvis": np.tile(np.eye(3), (len(angles_TN), 1, 1))}
    for number, joint in enumerate(robot.joints):
        axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
        world[joint.name] = (
            world[joint.after] @ Rotation.from_rotvec(angles_TN[:, [number]] * axis).as_matrix()
        )
    return world


def as_the_robot_stands(angles_TN: np.ndarray) -> np.ndarray:
    """A body of the reference skeleton (T, 22, 3) whose limbs point where the robot's do."""
    rest_J3, world = np.array(SMPL.rest), turned(G1, angles_TN)
    chest = world["waist_pitch_joint"]
    bones = {bone.end: bone for bone in G1.bones}
    joints_TJ3 = np.tile(rest_J3, (len(angles_TN), 1, 1))
    for child, parent in SMPL.bones:
        offset_3 = rest_J3[child] - rest_J3[parent]
        bone = bones.get(SMPL.joints[child])
        if bone is not None and bone.start == SMPL.joints[parent]:
            direction_3 = np.array(bone.direction) / np.linalg.norm(bone.direction)
            bone_T3 = np.linalg.norm(offset_3) * (world[bone.turned_by] @ direction_3)
        else:
            straight_3 = offset_3 * ([0, 1, 0] if SMPL.joints[child] in SPINE else [1, 1, 1])
            bone_T3 = (world["pelvis"] if parent == 0 else chest) @ (OURS.T @ straight_3)
        joints_TJ3[:, child] = joints_TJ3[:, parent] + bone_T3 @ OURS.T
    return joints_TJ3


def number_of(name: str) -> int:
    return [joint.name for joint in G1.joints].index(name)


def waving(frames: int = 60) -> np.ndarray:
    """Angles well within the limits; wrists and ankles, which a body's joints do not tell, stay at zero."""
    random = np.random.default_rng(3)
    limits = np.array([(joint.lower, joint.upper) for joint in G1.joints])
    time = np.arange(frames)[:, None] / G1.frames_per_second
    swing = 0.3 * np.minimum(-limits[:, 0], limits[:, 1]) * np.sin(random.uniform(1, 3, 29) * time)
    quiet = [
        "wrist" in joint.name or "ankle_roll" in joint.name or "waist" in joint.name for joint in G1.joints
    ]
    swing[:, quiet] = 0
    swing[:, [joint.name.endswith("knee_joint") for joint in G1.joints]] += 0.6
    return swing


def test_a_robots_own_pose_comes_back(tmp_path: Path) -> None:
    angles_TN = waving()
    joints_TJ3 = as_the_robot_stands(angles_TN)
    save_robot(tmp_path / "clip.csv", joints_TJ3, SMPL, G1.frames_per_second)
    header, rows = read(tmp_path / "clip.csv")
    assert header[8:] == [joint.name for joint in G1.joints]
    assert rows[:, 0] == pytest.approx(np.arange(len(angles_TN)) / 50)
    again_TJ3 = as_the_robot_stands(rows[:, 8:])
    assert np.abs(rows[:, 8:] - angles_TN).max() < 0.02
    limbs = [
        SMPL.index(f"{side}_{name}")
        for side in ("left", "right")
        for name in ("knee", "ankle", "elbow", "wrist")
    ]
    assert np.linalg.norm(again_TJ3 - joints_TJ3, axis=-1)[:, limbs].max() < MILLIMETRE


def test_the_pelvis_stands_and_turns_as_the_body_does(tmp_path: Path) -> None:
    joints_TJ3 = posed(SMPL, 40, sway=0.1)
    turn = Rotation.from_rotvec([0, np.pi / 2, 0])
    turned_TJ3 = turn.apply(joints_TJ3.reshape(-1, 3)).reshape(joints_TJ3.shape)
    save_robot(tmp_path / "one.csv", joints_TJ3, SMPL, 20.0)
    save_robot(tmp_path / "two.csv", turned_TJ3, SMPL, 20.0)
    (_, one), (_, two) = read(tmp_path / "one.csv"), read(tmp_path / "two.csv")
    assert one[0, 3] == pytest.approx(G1.pelvis_height, abs=0.01)
    walked = one[-1, 1:4] - one[0, 1:4]
    assert walked == pytest.approx([1.93 * G1.pelvis_height / 0.93, 0, 0], abs=0.05)
    assert two[:, 1] == pytest.approx(-one[:, 2], abs=1e-5) and two[:, 2] == pytest.approx(
        one[:, 1], abs=1e-5
    )
    between = Rotation.from_quat(two[:, 4:8]) * Rotation.from_quat(one[:, 4:8]).inv()
    assert between.as_rotvec() == pytest.approx(np.tile([0, 0, np.pi / 2], (len(one), 1)), abs=1e-4)
    assert two[:, 8:] == pytest.approx(one[:, 8:], abs=1e-3)


def test_limits_and_speeds_that_are_broken_are_counted_and_clamp_keeps_them(tmp_path: Path) -> None:
    angles_TN = waving(50)
    knee, elbow = number_of("left_knee_joint"), number_of("left_elbow_joint")
    angles_TN[20:30, knee] = -0.3
    angles_TN[:, elbow] = 0
    angles_TN[40:, elbow] = 1.5
    motion = as_the_robot_stands(angles_TN)
    with pytest.warns(Remark) as said:
        save_robot(tmp_path / "clip.csv", motion, SMPL, 50.0)
    texts = [str(remark.message) for remark in said]
    assert [text.partition("; --clamp")[0] for text in texts] == [
        "clip.csv: 10 of 50 frames are past the limits of unitree-g1 (frames: left_knee_joint 10)",
        "clip.csv: 3 of 50 frames are faster than the joints of unitree-g1"
        " (frames: left_knee_joint 2, left_elbow_joint 1)",
    ]
    with pytest.warns(Remark, match="; they are kept within"):
        save_robot(tmp_path / "clip.csv", motion, SMPL, 50.0, clamp=True)
    _, rows = read(tmp_path / "clip.csv")
    limits = np.array([(joint.lower, joint.upper, joint.velocity) for joint in G1.joints])
    held = rows[:, 8:]
    assert (held >= limits[:, 0] - 1e-5).all() and (held <= limits[:, 1] + 1e-5).all()
    assert (np.abs(np.diff(held, axis=0)) * 50 <= limits[:, 2] + 1e-3).all()


def test_a_gesture_overhead_does_not_jump(tmp_path: Path) -> None:
    """Straight up, an arm has many ways to point the same; from frame to frame it keeps to one."""
    angles_TN = np.zeros((80, 29))
    pitch, elbow = number_of("left_shoulder_pitch_joint"), number_of("left_elbow_joint")
    angles_TN[:, pitch] = -np.linspace(0, 2.9, 80)
    angles_TN[:, elbow] = 1.2
    save_robot(tmp_path / "clip.csv", as_the_robot_stands(angles_TN), SMPL, 50.0)
    _, rows = read(tmp_path / "clip.csv")
    assert np.abs(np.diff(rows[:, 8:], axis=0)).max() < 0.2


def test_a_skeleton_without_the_joints_of_the_map_is_refused(tmp_path: Path) -> None:
    kit = load_skeleton("kit21")
    with pytest.raises(LampError, match=r"unitree-g1 follows left_foot, which kit21 lacks; it has pelvis"):
        save_robot(tmp_path / "clip.csv", posed(kit), kit, 12.5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": 30}, "rate: Extra inputs"),
        ({"joints": []}, "joints: "),
        ({"pelvis_height": -1}, "pelvis_height: "),
        ({"joint": {"after": "nowhere"}}, "comes after nowhere, which does not stand before it"),
        ({"joint": {"lower": 9.0}}, "is not below upper"),
        ({"joint": {"axis": [0, 0, 0]}}, "has no direction"),
        ({"bone": {"turned_by": "tail"}}, "turned by tail, which are no joints"),
    ],
)
def test_a_faulty_map_is_one_line_that_names_the_fault(tmp_path: Path, change: dict, said: str) -> None:
    fields = G1.model_dump(mode="json", by_alias=True)
    fields["joints"][0] |= change.pop("joint", {})
    fields["bones"][0] |= change.pop("bone", {})
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(fields | change))
    with pytest.raises(LampError, match=said) as fault:
        load_robot(str(path))
    assert "\n" not in str(fault.value)


def test_a_map_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        """
name: pointer
frames_per_second: 20
pelvis_height: 1.0
joints:
  - {name: turn, after: pelvis, axis: [0, 0, 1], lower: -3, upper: 3, velocity: 10}
bones:
  - {turned_by: turn, from: left_ankle, to: left_foot, direction: [1, 0, 0]}
"""
    )
    save_robot(tmp_path / "clip.csv", posed(SMPL, 5), SMPL, 20.0, str(path))
    header, rows = read(tmp_path / "clip.csv")
    assert header[-1] == "turn" and rows.shape == (5, 9)
