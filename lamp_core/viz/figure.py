"""What every picture of a motion shares: its joints in metres, the sides of the body, how thick a limb is.

Shapes: T frames, J joints, 3 coordinates (Y up).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton

Side = Literal["left", "right", "spine"]
SIDES: tuple[Side, ...] = get_args(Side)
SIDE_COLOURS: dict[Side, str] = {"left": "#2b78c5", "right": "#dc6428", "spine": "#566070"}

SPINE_RADIUS = 0.066
LIMB_RADIUS = 0.044
HEAD_RADIUS = 0.105
TORSO = (
    (0.0, 0.112, 0.083),
    (0.3, 0.108, 0.082),
    (0.72, 0.148, 0.098),
    (0.93, 0.088, 0.07),
    (1.0, 0.05, 0.05),
)
"""Share of the way from hips to neck, half the width and half the depth there, metres; as in `figure.js`."""
TORSO_SLICES = 10


@dataclass(frozen=True)
class Bone:
    """A line from the parent joint to the child joint, `radius` metres thick at either side of its axis."""

    child: int
    parent: int
    side: Side
    radius: float


def joint_sides(skeleton: Skeleton) -> tuple[Side, ...]:
    """The side of the body of every joint, from the skeleton's left and right pairs."""
    sides: list[Side] = ["spine"] * skeleton.joint_count
    for left, right in skeleton.mirror_pairs:
        sides[left], sides[right] = "left", "right"
    return tuple(sides)


def linear_colour(side: Side) -> tuple[float, float, float]:
    """The colour of a side as light, 0 to 1 each of red, green and blue (the inverse of sRGB's curve)."""
    red, green, blue = (int(SIDE_COLOURS[side][place : place + 2], 16) / 255 for place in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def figure_bones(skeleton: Skeleton) -> list[Bone]:
    """The limbs to draw, in the order of the child joints; hips and collar, which hang on it, are spine."""
    sides = joint_sides(skeleton)
    return [
        Bone(child, parent, sides[parent], SPINE_RADIUS if sides[child] == "spine" else LIMB_RADIUS)
        for child, parent in skeleton.bones
    ]


def head_joint(skeleton: Skeleton) -> int:
    """The joint that carries the head: the last one of the spine that has no child."""
    sides, parents = joint_sides(skeleton), {parent for _, parent in skeleton.bones}
    return max(joint for joint, side in enumerate(sides) if side == "spine" and joint not in parents)


def torso_joints(skeleton: Skeleton) -> list[int]:
    """The joints of the spine from the root to the neck, which the head's bone hangs on."""
    joints = [skeleton.parents[head_joint(skeleton)]]
    while joints[-1] > 0:
        joints.append(skeleton.parents[joints[-1]])
    return joints[::-1]


def torso_slices(joints_J3: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The skin around the spine: lines from right to left, and how thick each is at either side of it.

    Args:
        joints_J3: metres.
        skeleton: whose joints they are.

    Returns:
        right_S3: where each of S slices, from the hips upwards, starts.
        left_S3: where it ends.
        radius_S: metres.
    """
    spine_N3 = joints_J3[torso_joints(skeleton)]
    right_hip, left_hip, right_shoulder, left_shoulder = joints_J3[list(skeleton.face)]
    ways_N = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(spine_N3, axis=0), axis=1))))
    shares_S = np.linspace(0, 1, TORSO_SLICES)
    middle_S3 = np.stack(
        [np.interp(shares_S * ways_N[-1], ways_N, spine_N3[:, axis]) for axis in range(3)], axis=1
    )
    hips_3, shoulders_3 = _direction(left_hip - right_hip), _direction(left_shoulder - right_shoulder)
    towards_S1 = np.minimum(1.0, 1.2 * shares_S)[:, None]
    across_S3 = _direction((1 - towards_S1) * hips_3 + towards_S1 * shoulders_3)
    known_shares, widths, depths = np.array(TORSO).T
    radius_S = np.interp(shares_S, known_shares, depths)
    reach_S1 = (np.interp(shares_S, known_shares, widths) - radius_S)[:, None]
    return middle_S3 - reach_S1 * across_S3, middle_S3 + reach_S1 * across_S3, radius_S


def _direction(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length one."""
    units: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    return units


def joints_in_metres(joints_TJ3: np.ndarray, skeleton: Skeleton, name: str = "motion") -> np.ndarray:
    """Check a motion and scale it to metres.

    Args:
        joints_TJ3: positions in the skeleton's unit.
        skeleton: gives the joint count and the unit.
        name: names the motion in an error.

    Returns:
        joints_TJ3: float64, metres.

    Raises:
        LampError: when the shape does not fit the skeleton, there is no frame, or a value is not finite.
    """
    joints_TJ3 = np.asarray(joints_TJ3, dtype=np.float64)
    expected = (skeleton.joint_count, 3)
    if joints_TJ3.ndim != 3 or joints_TJ3.shape[1:] != expected or not len(joints_TJ3):
        raise LampError(
            f"{name}: joints of shape {joints_TJ3.shape}, {skeleton.name} takes (frames, {expected[0]}, 3)"
        )
    if not np.isfinite(joints_TJ3).all():
        raise LampError(f"{name}: joints hold values that are not finite, and cannot be drawn")
    return joints_TJ3 * skeleton.metres_per_unit


def camera_path(joints_TJ3: np.ndarray, frames_per_second: float, seconds: float = 1.0) -> np.ndarray:
    """The root's way on the floor, smoothed so that a camera that follows it does not shake.

    Args:
        joints_TJ3: metres, the root is the first joint.
        frames_per_second: of the motion.
        seconds: width of the moving mean.

    Returns:
        path_T2: X and Z, metres.
    """
    reach = round(seconds * frames_per_second / 2)
    path_T2 = joints_TJ3[:, 0, [0, 2]]
    padded = np.pad(path_T2, ((reach, reach), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    width = 2 * reach + 1
    smooth_T2: np.ndarray = (sums[width:] - sums[:-width]) / width
    return smooth_T2
