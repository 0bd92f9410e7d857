"""Rotations of a skeleton's joints, fitted to their positions (inverse kinematics in closed form).

A joint with several children takes the rotation that brings all of them nearest (Kabsch 1976); one with a
single child turns as little as the child asks for; the upper joint of an arm or a leg turns about its own
bone, too, so that elbow and knee bend as hinges do.

Shapes: T frames, J joints, K children of a joint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lamp_core.errors import RejectedClip
from lamp_core.skeleton.skeleton import ROOT, Skeleton

Array = NDArray[np.float64]

RIGID_METRES = 1e-4  # a bone that strays less from its mean in its parent's frame has a constant offset
STRAIGHT = 0.05  # sine of a bend; a straighter elbow or knee keeps the plane that it inherits
FORWARD, BACKWARD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])
HINGES = {"hip": ("knee", "ankle", BACKWARD), "shoulder": ("elbow", "wrist", FORWARD)}
"""Per upper joint: the hinge, the joint behind it, and where it goes when the hinge bends."""


@dataclass(frozen=True, eq=False)
class FittedMotion:
    """A motion as rotations of a skeleton at rest, and what rotations cannot say.

    Args:
        skeleton: whose joints they are.
        world_JT33: rotation of every joint away from the rest pose.
        places_JT3: of every joint in its parent's frame, in the skeleton's unit; of the root in the world.
        is_rigid_J: whether that place hardly moves: a bone that keeps its length and its angle to the parent.
    """

    skeleton: Skeleton
    world_JT33: Array
    places_JT3: Array
    is_rigid_J: tuple[bool, ...]

    @property
    def local_JT33(self) -> Array:
        """Rotation of every joint as its parent sees it; of the root as the world does."""
        local_JT33 = self.world_JT33.copy()
        for child, parent in self.skeleton.bones:
            local_JT33[child] = self.world_JT33[parent].transpose(0, 2, 1) @ self.world_JT33[child]
        return local_JT33

    @property
    def quaternions_JT4(self) -> Array:
        """The local rotations as unit quaternions x y z w, of which neighbours in time lie on one side."""
        joints, frames = self.world_JT33.shape[:2]
        flat_N4 = Rotation.from_matrix(self.local_JT33.reshape(-1, 3, 3)).as_quat()
        quaternions_JT4 = np.asarray(flat_N4, dtype=np.float64).reshape(joints, frames, 4)
        turns_over_JT = np.sum(quaternions_JT4[:, 1:] * quaternions_JT4[:, :-1], axis=-1) < 0
        quaternions_JT4[:, 1:][np.cumsum(turns_over_JT, axis=1) % 2 == 1] *= -1
        return quaternions_JT4

    @cached_property
    def offsets_J3(self) -> Array:
        """Mean place of every joint in its parent's frame; zero for the root."""
        offsets_J3: Array = self.places_JT3.mean(1)
        offsets_J3[0] = 0
        return offsets_J3

    @property
    def rest_J3(self) -> Array:
        """The pose without rotations, its lowest joint on the floor (Y 0) under the middle of the world."""
        rest_J3 = self.offsets_J3.copy()
        for child, parent in self.skeleton.bones:
            rest_J3[child] += rest_J3[parent]
        rest_J3[:, 1] -= rest_J3[:, 1].min()
        return rest_J3

    def in_metres(self) -> "FittedMotion":
        """The same motion with places in metres."""
        scale = self.skeleton.metres_per_unit
        skeleton = replace(self.skeleton, metres_per_unit=1.0)
        return replace(self, skeleton=skeleton, places_JT3=self.places_JT3 * scale)


def fit_motion(joints_TJ3: NDArray[np.floating], skeleton: Skeleton) -> FittedMotion:
    """A motion as rotations and places that give its joints again.

    Raises:
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    joints = check_joints(joints_TJ3, skeleton)
    world_JT33, _ = fit_rotations(joints, np.array(skeleton.rest), skeleton)
    places_JT3 = joints.transpose(1, 0, 2).copy()
    for joint, parent in skeleton.bones:
        bone_T3 = joints[:, joint] - joints[:, parent]
        places_JT3[joint] = np.einsum("tji,tj->ti", world_JT33[parent], bone_T3)
    strays_J = np.abs(places_JT3 - places_JT3.mean(1, keepdims=True)).max((1, 2))
    is_rigid_J = strays_J * skeleton.metres_per_unit < RIGID_METRES
    is_rigid_J[0] = False
    return FittedMotion(skeleton, world_JT33, places_JT3, tuple(map(bool, is_rigid_J)))


def check_joints(joints_TJ3: NDArray[np.floating], skeleton: Skeleton) -> Array:
    """The joints as float64; RejectedClip ``joint-count``, ``empty`` or ``not-finite`` for what is none."""
    joints = np.asarray(joints_TJ3, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (skeleton.joint_count, 3):
        wanted = f"(frames, {skeleton.joint_count}, 3)"
        raise RejectedClip(
            "joint-count", f"joints have the shape {joints.shape}; {skeleton.name} needs {wanted}"
        )
    if len(joints) == 0:
        raise RejectedClip("empty", "a motion without frames cannot be written")
    if not np.isfinite(joints).all():
        raise RejectedClip("not-finite", "a joint is NaN or infinite")
    return joints


def fit_rotations(
    joints_TJ3: Array, rest_J3: Array, skeleton: Skeleton, *, rigid: bool = False
) -> tuple[Array, Array]:
    """World rotations that turn the bones of a pose at rest towards those of a motion.

    Args:
        joints_TJ3: the motion.
        rest_J3: the pose that rotations are measured from, in the same unit.
        skeleton: whose joints they are.
        rigid: whether the rest pose's bones are kept: a joint then aims from where it comes to stand itself,
            so that what a bone cannot reach is not handed on along the limb.

    Returns:
        world_JT33, and the joints (T, J, 3) that they place: those of the motion unless ``rigid``.
    """
    world_JT33 = np.tile(np.eye(3), (skeleton.joint_count, len(joints_TJ3), 1, 1))
    placed_TJ3 = joints_TJ3.copy()
    hinges = _hinges(skeleton)
    for joint, parent in enumerate(skeleton.parents):
        children = [child for child, above in skeleton.bones if above == joint]
        inherited_T33 = world_JT33[parent if parent != ROOT else joint]
        rest_K3 = rest_J3[children] - rest_J3[joint]
        bones_TK3 = joints_TJ3[:, children] - placed_TJ3[:, [joint]]
        if len(children) > 1:
            world_JT33[joint] = _best_fit(rest_K3, bones_TK3)
        elif children:
            world_JT33[joint] = _swing(inherited_T33 @ rest_K3[0], bones_TK3[:, 0]) @ inherited_T33
        else:
            world_JT33[joint] = inherited_T33
        if joint in hinges:
            end, bends_to_3 = hinges[joint]
            bend_T3 = joints_TJ3[:, end] - joints_TJ3[:, children[0]]
            hinge_3 = np.cross(rest_K3[0], bends_to_3)
            world_JT33[joint] = (
                _twist(bones_TK3[:, 0], bend_T3, world_JT33[joint] @ hinge_3) @ world_JT33[joint]
            )
        if rigid:
            placed_TJ3[:, children] = placed_TJ3[:, [joint]] + np.einsum(
                "tij,kj->tki", world_JT33[joint], rest_K3
            )
    return world_JT33, placed_TJ3


def _hinges(skeleton: Skeleton) -> Mapping[int, tuple[int, Array]]:
    """Per upper joint of an arm or leg: the joint behind its hinge, and where that goes when it bends."""
    return {
        skeleton.index(f"{side}_{upper}"): (skeleton.index(f"{side}_{end}"), bends_to_3)
        for side in ("left", "right")
        for upper, (hinge, end, bends_to_3) in HINGES.items()
        if {f"{side}_{name}" for name in (upper, hinge, end)} <= set(skeleton.joints)
    }


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
    return _matrices(_unit(axis_T3) * angle_T[:, None])


def _twist(bone_T3: Array, bend_T3: Array, hinge_T3: Array) -> Array:
    """The rotation about a bone that brings its hinge across the plane of its bend, if it bends."""
    along_T3 = _unit(bone_T3)
    wanted_T3 = np.cross(along_T3, _unit(bend_T3)) + STRAIGHT * _unit(hinge_T3)
    sine_T = np.sum(along_T3 * np.cross(hinge_T3, wanted_T3), axis=1)
    cosine_T = np.sum(hinge_T3 * wanted_T3, axis=1)
    return _matrices(along_T3 * np.arctan2(sine_T, cosine_T)[:, None])


def _unit(vectors_T3: Array) -> Array:
    length_T1 = np.linalg.norm(vectors_T3, axis=1, keepdims=True)
    units_T3: Array = np.divide(vectors_T3, length_T1, out=np.zeros_like(vectors_T3), where=length_T1 > 0)
    return units_T3


def _matrices(rotation_vectors_T3: Array) -> Array:
    return np.asarray(Rotation.from_rotvec(rotation_vectors_T3).as_matrix(), dtype=np.float64)
