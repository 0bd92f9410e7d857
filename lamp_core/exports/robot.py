"""A motion as angles of a robot's joints (``.csv``), with a check of their limits and speeds.

Shapes: T frames, N joints of the robot, B bones of its map, 3 coordinates (the robot's: X forward, Z up).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lamp_core.errors import LampError
from lamp_core.exports.robot_limbs import Limbs, unit
from lamp_core.exports.robot_map import RobotMap, load_robot
from lamp_core.remarks import remark
from lamp_core.skeleton.fitting import Array, check_joints, fit_rotations
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton

DEFAULT_ROBOT = "unitree-g1"
TO_ROBOT = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Our axes (X left, Y up, Z forward) in the robot's."""
ROOT_COLUMNS = ("root_x", "root_y", "root_z", "root_qx", "root_qy", "root_qz", "root_qw")
SAID = 4  # joints named in a remark
SLACK = 1e-6  # radians; rounding is no step over a limit


def save_robot(
    path: Path,
    joints_TJ3: NDArray[np.floating],
    skeleton: Skeleton,
    frames_per_second: float,
    robot: str = DEFAULT_ROBOT,
    clamp: bool = False,
) -> None:
    """Write a row a frame at the robot's rate: time, place and rotation of the pelvis, an angle a joint.

    Seconds, metres, quaternion x y z w, radians. The way is scaled by the height of the pelvis. A remark says
    how many frames break a limit or a speed, and in which joints.

    Args:
        path: file to write.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        robot: built-in name or path of a robot map.
        clamp: keep angles within the limits, and steps within the speeds.

    Raises:
        LampError: a map that cannot be read, or that follows joints which the skeleton lacks.
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    robot_map = load_robot(robot)
    limbs = Limbs(robot_map)
    bones = [_ends(robot_map, bone.start, bone.end, skeleton) for bone in robot_map.bones]
    joints = check_joints(joints_TJ3, skeleton) * skeleton.metres_per_unit
    joints = resample(joints, frames_per_second, robot_map.frames_per_second)
    rest_J3 = np.array(skeleton.rest) * skeleton.metres_per_unit
    world_JT33, _ = fit_rotations(joints, rest_J3, skeleton)
    pelvis_T33 = TO_ROBOT @ world_JT33[0] @ TO_ROBOT.T
    starts, ends = np.array(bones).T
    bones_TB3 = (joints[:, ends] - joints[:, starts]) @ TO_ROBOT.T
    wanted_TB3 = unit(np.einsum("tji,tbj->tbi", pelvis_T33, bones_TB3))
    angles_TN = limbs.follow(wanted_TB3)
    _say_limits(path, angles_TN, robot_map, clamp)
    if clamp:
        angles_TN = limbs.held_to_speeds(limbs.follow(wanted_TB3, within_limits=True))
    scale = robot_map.pelvis_height / _standing_height(joints, rest_J3, skeleton)
    place_T3 = joints[:, 0] @ TO_ROBOT.T * scale
    quaternion_T4 = Rotation.from_matrix(pelvis_T33).as_quat()
    time_T1 = np.arange(len(joints))[:, None] / robot_map.frames_per_second
    header = ",".join(("time", *ROOT_COLUMNS, *(joint.name for joint in robot_map.joints)))
    rows = np.hstack((time_T1, place_T3, quaternion_T4, angles_TN))
    np.savetxt(path, rows, fmt="%.6f", delimiter=",", header=header, comments="")


def _ends(robot_map: RobotMap, start: str, end: str, skeleton: Skeleton) -> tuple[int, int]:
    missing = [name for name in (start, end) if name not in skeleton.joints]
    if missing:
        raise LampError(
            f"the robot map {robot_map.name} follows {', '.join(missing)}, which {skeleton.name} lacks; "
            f"it has {', '.join(skeleton.joints)}"
        )
    return skeleton.index(start), skeleton.index(end)


def _standing_height(joints_TJ3: Array, rest_J3: Array, skeleton: Skeleton) -> float:
    """Height of the pelvis of this body when it stands: the rest pose's, as much longer as its shins are."""
    upper, lower = skeleton.leg
    shin = float(np.linalg.norm(joints_TJ3[:, lower] - joints_TJ3[:, upper], axis=-1).mean())
    if shin == 0:
        raise LampError("the legs have no length, and the robot's way cannot be scaled by them")
    return float(rest_J3[0, 1]) * shin / float(np.linalg.norm(rest_J3[lower] - rest_J3[upper]))


def _say_limits(path: Path, angles_TN: Array, robot_map: RobotMap, clamp: bool) -> None:
    """A remark each about angles past their limits and steps past their speeds, the worst joints first."""
    remedy = "they are kept within" if clamp else "--clamp keeps them within"
    limits = np.array([(joint.lower, joint.upper, joint.velocity) for joint in robot_map.joints])
    past_TN = (angles_TN < limits[:, 0] - SLACK) | (angles_TN > limits[:, 1] + SLACK)
    speeds_TN = np.abs(np.diff(angles_TN, axis=0)) * robot_map.frames_per_second
    fast_TN = speeds_TN > limits[:, 2] + SLACK
    for what, broken_TN in (("past the limits", past_TN), ("faster than the joints", fast_TN)):
        frames_N = broken_TN.sum(0)
        if not frames_N.any():
            continue
        worst = [joint for joint in frames_N.argsort()[::-1][:SAID] if frames_N[joint]]
        named = ", ".join(f"{robot_map.joints[joint].name} {frames_N[joint]}" for joint in worst)
        remark(
            f"{path.name}: {int(broken_TN.any(1).sum())} of {len(angles_TN)} frames are {what} of "
            f"{robot_map.name} (frames: {named}); {remedy}"
        )
