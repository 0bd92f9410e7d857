"""Joint positions of a skeleton to a BVH file.

Shapes: T frames, J joints, C channels of the file.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lamp_core.errors import RejectedClip
from lamp_core.skeleton.skeleton import ROOT, Skeleton

Array = NDArray[np.float64]

POSITION_CHANNELS = "Xposition Yposition Zposition"
ROTATION_CHANNELS = "Zrotation Xrotation Yrotation"
RIGID_METRES = (
    1e-4  # a bone that strays less from its mean in its parent's frame is written as a constant offset
)


def write_bvh(
    path: str | Path, joints_TJ3: NDArray[np.floating], skeleton: Skeleton, frames_per_second: float
) -> None:
    """Write a motion as BVH, in the skeleton's unit of length; reading it gives the same positions again.

    Rotations are fitted to the positions: a joint with one child turns as little as the child asks for; one
    with several takes the best fit. What rotations cannot say (bones that change their length, as generated
    ones may, or children that move against each other) goes into position channels of just those joints.

    Args:
        path: file to write.
        joints_TJ3: in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.

    Raises:
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    joints = np.asarray(joints_TJ3, dtype=np.float64)
    _check(joints, skeleton)
    rotations_JT33 = _fit_rotations(joints, skeleton)
    places_JT3, is_rigid_J = _local_places(joints, rotations_JT33, skeleton)
    text = io.StringIO()
    text.write("HIERARCHY\n")
    columns: list[Array] = []
    for joint in _write_hierarchy(text, places_JT3, is_rigid_J, skeleton):
        if not is_rigid_J[joint]:
            columns.append(places_JT3[joint])
        parent = skeleton.parents[joint]
        local_T33 = rotations_JT33[joint]
        if parent != ROOT:
            local_T33 = rotations_JT33[parent].transpose(0, 2, 1) @ local_T33
        columns.append(_euler_zxy(local_T33))
    text.write(f"MOTION\nFrames: {len(joints)}\nFrame Time: {1 / frames_per_second:.8f}\n")
    np.savetxt(text, np.concatenate(columns, axis=1), fmt="%.6f")
    Path(path).write_text(text.getvalue(), encoding="utf-8")


def _check(joints_TJ3: Array, skeleton: Skeleton) -> None:
    if joints_TJ3.ndim != 3 or joints_TJ3.shape[1:] != (skeleton.joint_count, 3):
        wanted = f"(frames, {skeleton.joint_count}, 3)"
        raise RejectedClip(
            "joint-count", f"joints have the shape {joints_TJ3.shape}; {skeleton.name} needs {wanted}"
        )
    if len(joints_TJ3) == 0:
        raise RejectedClip("empty", "a motion without frames cannot be written")
    if not np.isfinite(joints_TJ3).all():
        raise RejectedClip("not-finite", "a joint is NaN or infinite")


def _children(skeleton: Skeleton, joint: int) -> list[int]:
    return [child for child, parent in skeleton.bones if parent == joint]


def _fit_rotations(joints_TJ3: Array, skeleton: Skeleton) -> Array:
    """World rotation of every joint, (J, T, 3, 3), that turns the rest pose's bones towards the motion's."""
    rest_J3 = np.array(skeleton.rest)
    rotations_JT33 = np.tile(np.eye(3), (skeleton.joint_count, len(joints_TJ3), 1, 1))
    for joint, parent in enumerate(skeleton.parents):
        children = _children(skeleton, joint)
        bones_TK3 = joints_TJ3[:, children] - joints_TJ3[:, [joint]]
        rest_K3 = rest_J3[children] - rest_J3[joint]
        inherited_T33 = rotations_JT33[parent] if parent != ROOT else rotations_JT33[joint]
        if len(children) > 1:
            rotations_JT33[joint] = _best_fit(rest_K3, bones_TK3)
        elif children:
            expected_T3 = inherited_T33 @ rest_K3[0]
            rotations_JT33[joint] = _swing(expected_T3, bones_TK3[:, 0]) @ inherited_T33
        else:
            rotations_JT33[joint] = inherited_T33
    return rotations_JT33


def _best_fit(rest_K3: Array, bones_TK3: Array) -> Array:
    """The rotation that turns the rest bones nearest to the bones (Kabsch 1976)."""
    left_T33, _, right_T33 = np.linalg.svd(np.einsum("tki,kj->tij", bones_TK3, rest_K3))
    signs_T3 = np.ones(left_T33.shape[:2])
    signs_T3[:, -1] = np.sign(np.linalg.det(left_T33 @ right_T33))
    fit: Array = (left_T33 * signs_T3[:, None]) @ right_T33
    return fit


def _swing(from_T3: Array, to_T3: Array) -> Array:
    """The shortest rotation from one direction to another; none where a bone has no length."""
    axis_T3 = np.cross(from_T3, to_T3)
    sine_T = np.linalg.norm(axis_T3, axis=1)
    angle_T = np.arctan2(sine_T, np.sum(from_T3 * to_T3, axis=1))
    opposite_T = (sine_T == 0) & (angle_T > 0)
    axis_T3[opposite_T] = np.cross(from_T3, np.eye(3)[np.abs(from_T3).argmin(1)])[opposite_T]
    length_T1 = np.linalg.norm(axis_T3, axis=1, keepdims=True)
    unit_T3 = np.divide(axis_T3, length_T1, out=np.zeros_like(axis_T3), where=length_T1 > 0)
    return np.asarray(Rotation.from_rotvec(unit_T3 * angle_T[:, None]).as_matrix(), dtype=np.float64)


def _local_places(joints_TJ3: Array, rotations_JT33: Array, skeleton: Skeleton) -> tuple[Array, list[bool]]:
    """Places of the joints in their parents' frames, (J, T, 3), and which of them hardly move there."""
    places_JT3 = joints_TJ3.transpose(1, 0, 2).copy()
    for joint, parent in skeleton.bones:
        bone_T3 = joints_TJ3[:, joint] - joints_TJ3[:, parent]
        places_JT3[joint] = np.einsum("tji,tj->ti", rotations_JT33[parent], bone_T3)
    strays_J = np.abs(places_JT3 - places_JT3.mean(1, keepdims=True)).max((1, 2))
    is_rigid_J = strays_J * skeleton.metres_per_unit < RIGID_METRES
    return places_JT3, [
        bool(rigid) and parent != ROOT for rigid, parent in zip(is_rigid_J, skeleton.parents, strict=True)
    ]


def _euler_zxy(rotations_T33: Array) -> Array:
    """Degrees about Z, then the turned X, then the turned Y."""
    x_T = np.arcsin(np.clip(rotations_T33[:, 2, 1], -1, 1))
    z_T = np.arctan2(-rotations_T33[:, 0, 1], rotations_T33[:, 1, 1])
    y_T = np.arctan2(-rotations_T33[:, 2, 0], rotations_T33[:, 2, 2])
    degrees_T3: Array = np.degrees(np.stack((z_T, x_T, y_T), axis=1))
    return degrees_T3


def _write_hierarchy(
    text: io.StringIO, places_JT3: Array, is_rigid_J: list[bool], skeleton: Skeleton
) -> list[int]:
    """Write the joints depth first, as the format asks; returns that order, the one of the channels."""
    order: list[int] = []

    def write(joint: int, depth: int) -> None:
        order.append(joint)
        tabs = "\t" * depth
        children = _children(skeleton, joint)
        x, y, z = places_JT3[joint].mean(0) if joint else np.zeros(3)
        channels = ROTATION_CHANNELS if is_rigid_J[joint] else f"{POSITION_CHANNELS} {ROTATION_CHANNELS}"
        text.write(f"{tabs}{'JOINT' if joint else 'ROOT'} {skeleton.joints[joint]}\n{tabs}{{\n")
        text.write(f"{tabs}\tOFFSET {x:.6f} {y:.6f} {z:.6f}\n")
        text.write(f"{tabs}\tCHANNELS {len(channels.split())} {channels}\n")
        for child in children:
            write(child, depth + 1)
        if not children:
            text.write(f"{tabs}\tEnd Site\n{tabs}\t{{\n{tabs}\t\tOFFSET 0.0 0.0 0.0\n{tabs}\t}}\n")
        text.write(f"{tabs}}}\n")

    write(0, 0)
    return order
