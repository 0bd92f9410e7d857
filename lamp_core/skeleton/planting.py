"""Feet that stand where they touch the floor: legs bent again so that a foot in contact does not slide.

A generated or resampled motion lets feet glide by centimetres. While a foot is in contact its toes are held
at their mean place of that contact; the ankle moves along, and the knee follows by the two-bone solution
(hip, knee, ankle; law of cosines) in the plane in which it bent before. Before and after a contact the shift
fades over a fifth of a second.

Shapes: T frames, J joints; 2: left and right.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lamp_core.skeleton.skeleton import ROOT, Skeleton

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIDES = ("left", "right")
SLOWEST = 0.5  # metres a second; a faster toe is no contact, whatever a contact number says
HIGHEST = 0.12  # metres above the lowest place of the toes
FEWEST_FRAMES = 3
FADE_SECONDS = 0.2
SHORTEST = 1e-9
REACH = 0.9999  # of the leg's length: a straighter knee has no plane to bend in


def toe_contacts(
    joints_TJ3: NDArray[np.floating], skeleton: Skeleton, frames_per_second: float, floor: float | None = None
) -> Flags:
    """Whether the toes of each side stand on the floor, (T, 2).

    Args:
        joints_TJ3: in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.
        floor: its height in the skeleton's unit; the lowest place of the toes when None.
    """
    toes_T23 = np.asarray(joints_TJ3[:, list(skeleton.feet[1::2])], dtype=np.float64)
    toes_T23 = toes_T23 * skeleton.metres_per_unit
    if len(toes_T23) < FEWEST_FRAMES:
        return np.zeros(toes_T23.shape[:2], dtype=np.bool_)
    lowest = float(toes_T23[..., 1].min()) if floor is None else floor * skeleton.metres_per_unit
    steps_T23 = np.gradient(toes_T23, axis=0)
    speeds_T2 = np.linalg.norm(steps_T23, axis=-1) * frames_per_second
    near_T2: Flags = (speeds_T2 < SLOWEST) & (toes_T23[..., 1] < lowest + HIGHEST)
    contacts_T2 = np.zeros_like(near_T2)
    for side in range(2):
        for start, end in _runs(near_T2[:, side]):
            contacts_T2[start:end, side] = end - start >= FEWEST_FRAMES
    return contacts_T2


def foot_sliding(
    joints_TJ3: NDArray[np.floating], contacts_T2: Flags, skeleton: Skeleton, frames_per_second: float
) -> float:
    """Mean level speed of toes that are in contact, metres a second; 0 without a contact."""
    toes_T22 = np.asarray(joints_TJ3, dtype=np.float64)[:, list(skeleton.feet[1::2])][..., [0, 2]]
    speeds_T2 = np.linalg.norm(np.diff(toes_T22, axis=0), axis=-1)
    staying_T2 = contacts_T2[1:] & contacts_T2[:-1]
    if not staying_T2.any():
        return 0.0
    return float(speeds_T2[staying_T2].mean()) * skeleton.metres_per_unit * frames_per_second


def plant_feet(
    joints_TJ3: NDArray[np.floating], contacts_T2: Flags, skeleton: Skeleton, frames_per_second: float
) -> Array:
    """The motion with feet that stay in place while they are in contact; all bones keep their lengths.

    Args:
        joints_TJ3: in the skeleton's unit.
        contacts_T2: from `toe_contacts`.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.

    Returns:
        joints_TJ3: only knees, ankles and what hangs on the ankles move. Where the leg is too short to reach
        the place of the contact, the foot keeps as near as the leg lets it.
    """
    planted_TJ3 = np.array(joints_TJ3, dtype=np.float64)
    for side, toe in enumerate(skeleton.feet[1::2]):
        shift_T3 = _shifts(planted_TJ3[:, toe], contacts_T2[:, side], frames_per_second)
        _move_foot(planted_TJ3, shift_T3, SIDES[side], skeleton)
    return planted_TJ3


def _runs(flags_T: Flags) -> Iterator[tuple[int, int]]:
    """Start and end of every row of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags_T.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _shifts(toe_T3: Array, contacts_T: Flags, frames_per_second: float) -> Array:
    """How far the foot is moved in each frame: all the way in contact, faded out away from it."""
    fade = max(1, round(FADE_SECONDS * frames_per_second))
    shift_T3 = np.zeros_like(toe_T3)
    weight_T1 = np.zeros((len(toe_T3), 1))
    for start, end in _runs(contacts_T):
        held_T3 = toe_T3[start:end].mean(0) - toe_T3[start:end]
        before, after = slice(max(0, start - fade), start), slice(end, end + fade)
        rising_T1 = _fading(fade)[::-1][fade - (start - before.start) :]
        falling_T1 = _fading(fade)[: len(toe_T3[after])]
        shift_T3[before] += rising_T1 * held_T3[0]
        shift_T3[after] += falling_T1 * held_T3[-1]
        weight_T1[before] += rising_T1
        weight_T1[after] += falling_T1
    shift_T3 /= np.maximum(weight_T1, 1.0)  # where two contacts reach the same frame, their mean
    for start, end in _runs(contacts_T):
        shift_T3[start:end] = toe_T3[start:end].mean(0) - toe_T3[start:end]
    return shift_T3


def _fading(frames: int) -> Array:
    """Falling weights between 1 and 0, both left out, (frames, 1)."""
    return 0.5 + 0.5 * np.cos(np.pi * np.arange(1, frames + 1) / (frames + 1))[:, None]


def _move_foot(joints_TJ3: Array, shift_T3: Array, side: str, skeleton: Skeleton) -> None:
    """Move the ankle and all below it, and bend the knee so that both leg bones keep their lengths."""
    ankle = skeleton.index(f"{side}_ankle")
    knee = skeleton.parents[ankle]
    hip = skeleton.parents[knee]
    hip_T3, knee_T3, ankle_T3 = (joints_TJ3[:, joint].copy() for joint in (hip, knee, ankle))
    moved_T = np.linalg.norm(shift_T3, axis=1) > 0
    new_ankle_T3, new_knee_T3 = _two_bones(hip_T3, knee_T3, ankle_T3, ankle_T3 + shift_T3)
    joints_TJ3[moved_T, knee] = new_knee_T3[moved_T]
    for joint in _below(ankle, skeleton):
        joints_TJ3[moved_T, joint] += (new_ankle_T3 - ankle_T3)[moved_T]


def _two_bones(hip_T3: Array, knee_T3: Array, ankle_T3: Array, target_T3: Array) -> tuple[Array, Array]:
    """Places of ankle and knee, the ankle at the target or as near to it as the two bones reach."""
    upper_T1, lower_T1 = _lengths(knee_T3 - hip_T3), _lengths(ankle_T3 - knee_T3)
    way_T3 = target_T3 - hip_T3
    distance_T1 = np.clip(
        _lengths(way_T3), np.abs(upper_T1 - lower_T1) + SHORTEST, REACH * (upper_T1 + lower_T1)
    )
    along_T3 = way_T3 / np.maximum(_lengths(way_T3), SHORTEST)
    bend_T3 = knee_T3 - 0.5 * (hip_T3 + ankle_T3)
    bend_T3 = bend_T3 - np.sum(bend_T3 * along_T3, axis=1, keepdims=True) * along_T3
    # A leg that was straight bends across the way to the ankle, any side of it.
    across_T3 = np.cross(along_T3, np.eye(3)[np.abs(along_T3).argmin(1)])
    is_straight_T1 = _lengths(bend_T3) < SHORTEST * np.maximum(upper_T1, 1.0)
    bend_T3 = np.where(is_straight_T1, across_T3, bend_T3)
    bend_T3 /= np.maximum(_lengths(bend_T3), SHORTEST)
    forth_T1 = (upper_T1**2 - lower_T1**2 + distance_T1**2) / (2 * distance_T1)
    out_T1 = np.sqrt(np.maximum(upper_T1**2 - forth_T1**2, 0))
    return hip_T3 + distance_T1 * along_T3, hip_T3 + forth_T1 * along_T3 + out_T1 * bend_T3


def _lengths(vectors_T3: Array) -> Array:
    return np.asarray(np.linalg.norm(vectors_T3, axis=1, keepdims=True))


def _below(joint: int, skeleton: Skeleton) -> list[int]:
    """The joint and all joints that hang on it."""
    found = [joint]
    for child, parent in enumerate(skeleton.parents):
        if parent != ROOT and parent in found:
            found.append(child)
    return found
