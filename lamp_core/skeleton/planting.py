"""Feet that stand where they touch the floor: legs bent again so that a foot in contact does not slide.

A generated or resampled motion lets feet glide. While a foot is in contact its toes are held over the floor
at their mean place of that contact; the ankle moves along, and the knee follows by the two-bone solution
(hip, knee, ankle; law of cosines) in the plane in which it bent before. Before and after a contact the shift
fades over a fifth of a second. A foot that drifts farther than a leg can make up for is set down anew: it
makes a step, and lifts so far that it does not slide. Where a leg is too short for the place of its foot the
whole body is lowered, as little and as smoothly as it takes.

Shapes: T frames, J joints; 2: left and right.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lamp_core.skeleton.skeleton import ROOT, Skeleton

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Hold = tuple[int, int]

SIDES = ("left", "right")
UP = 1
LEVEL = [0, 2]
SLOWEST = 0.5  # metres a second; a faster toe is no contact, whatever a contact number says
HIGHEST = 0.12  # metres above the lowest place of the toes
FEWEST_FRAMES = 3
FADE_SECONDS = 0.2
FARTHEST = 0.4  # metres that a foot drifts over the floor until it is set down anew
STEP_SECONDS = 0.25  # between two places of a foot
STEP_HEIGHT = 0.3  # of that, above the lowest place of the foot; a shorter step is as high as it is long
LIFTED = 0.02  # metres
DEEPEST = 0.1  # metres by which the body is lowered at most
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


def standing_still(
    contacts_T2: Flags, joints_TJ3: NDArray[np.floating], planted_TJ3: Array, skeleton: Skeleton
) -> Flags:
    """The contacts less those in which planting lifts the foot, since there it steps, (T, 2)."""
    toes = list(skeleton.feet[1::2])
    lift_T2 = (planted_TJ3[:, toes, UP] - joints_TJ3[:, toes, UP]) * skeleton.metres_per_unit
    return np.asarray(contacts_T2 & (lift_T2 < LIFTED))


def plant_feet(
    joints_TJ3: NDArray[np.floating], contacts_T2: Flags, skeleton: Skeleton, frames_per_second: float
) -> Array:
    """The motion with feet that stay in place while they are in contact; all bones keep their lengths.

    Args:
        joints_TJ3: in the skeleton's unit.
        contacts_T2: from `toe_contacts`, or `lamp_core.features.contacts.told_contacts`.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.

    Returns:
        joints_TJ3: only knees, ankles and what hangs on the ankles move, and the body where it is lowered. A
        place that the leg cannot reach even then is approached as far as the leg lets it.
    """
    planted_TJ3 = np.array(joints_TJ3, dtype=np.float64)
    farthest = FARTHEST / skeleton.metres_per_unit
    shifts = [
        # The right foot makes its first step earlier, so that the feet of a gliding body step in turn.
        _shifts(planted_TJ3[:, toe], contacts_T2[:, side], frames_per_second, farthest, farthest / (1 + side))
        for side, toe in enumerate(skeleton.feet[1::2])
    ]
    lowered_T = _lowering(planted_TJ3, shifts, skeleton, _fade_frames(frames_per_second))
    planted_TJ3[..., UP] -= lowered_T[:, None]
    for side, shift_T3 in zip(SIDES, shifts, strict=True):
        shift_T3[:, UP] += lowered_T  # the feet stay where they are
        _move_foot(planted_TJ3, shift_T3, side, skeleton)
    return planted_TJ3


def _runs(flags_T: Flags) -> Iterator[tuple[int, int]]:
    """Start and end of every row of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags_T.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _shifts(
    toe_T3: Array, contacts_T: Flags, frames_per_second: float, farthest: float, first: float
) -> Array:
    """How far the foot is moved in each frame: all the way where it is held, faded out away from it."""
    fade, step = _fade_frames(frames_per_second), max(1, round(STEP_SECONDS * frames_per_second))
    holds = _holds(toe_T3, contacts_T, step, farthest, first)
    shift_T3 = np.zeros_like(toe_T3)
    weight_T1 = np.zeros((len(toe_T3), 1))
    for start, end in holds:
        held_T3 = _held(toe_T3[start:end])
        before, after = slice(max(0, start - fade), start), slice(end, end + fade)
        rising_T1 = _fading(fade)[::-1][fade - (start - before.start) :]
        falling_T1 = _fading(fade)[: len(toe_T3[after])]
        shift_T3[before] += rising_T1 * held_T3[0]
        shift_T3[after] += falling_T1 * held_T3[-1]
        weight_T1[before] += rising_T1
        weight_T1[after] += falling_T1
    shift_T3 /= np.maximum(weight_T1, 1.0)  # where two contacts reach the same frame, their mean
    for start, end in holds:
        shift_T3[start:end] = _held(toe_T3[start:end])
    for (_, left), (set_down, _) in pairwise(holds):
        if set_down - left <= 2 * step:
            way = float(np.linalg.norm(shift_T3[set_down] - shift_T3[left - 1]))
            height_T = toe_T3[left:set_down, UP] - toe_T3[:, UP].min()
            shift_T3[left:set_down, UP] += _lift(height_T, min(way, STEP_HEIGHT * farthest))
    return shift_T3


def _holds(toe_T3: Array, contacts_T: Flags, step: int, farthest: float, first: float) -> list[Hold]:
    """Start and end of every stretch in which the foot is held, with the frames of a step between them.

    A contact in which the foot drifts too far over the floor is cut into several.

    Args:
        toe_T3: places of the toes.
        contacts_T: whether they stand.
        step: frames between two holds.
        farthest: how far the foot may drift in a hold.
        first: likewise in the first hold of a contact that is cut.
    """
    holds: list[Hold] = []
    free = 0
    for begin, end in _runs(contacts_T):
        start = max(begin, free)
        limit = first if start < end and _drift(toe_T3[start:end]).max() > farthest else farthest
        while start < end:
            too_far = np.flatnonzero(_drift(toe_T3[start:end]) > limit)
            stop = start + int(too_far[0]) if len(too_far) else end
            if stop - start >= FEWEST_FRAMES:
                holds.append((start, stop))
                free = stop + step
            start, limit = stop + step, farthest
    return holds


def _drift(toe_T3: Array) -> Array:
    """How far the toes are over the floor from where they first were."""
    drift_T: Array = np.linalg.norm((toe_T3 - toe_T3[0])[:, LEVEL], axis=1)
    return drift_T


def _held(toe_T3: Array) -> Array:
    """What takes the toes over the floor to their mean place; their heights stay."""
    held_T3: Array = toe_T3.mean(0) - toe_T3
    held_T3[:, UP] = 0.0
    return held_T3


def _lift(height_T: Array, top: float) -> Array:
    """By how much a foot is lifted in a step, so that it is nowhere lower than an arc of this height."""
    arc_T = top * np.sin(np.pi * np.arange(1, len(height_T) + 1) / (len(height_T) + 1))
    lift_T: Array = np.maximum(arc_T - height_T, 0.0)
    return lift_T


def _lowering(joints_TJ3: Array, shifts: list[Array], skeleton: Skeleton, fade: int) -> Array:
    """By how much the body is lowered in each frame, so that its legs reach the moved feet, (T,)."""
    needed_T = np.zeros(len(joints_TJ3))
    for side, shift_T3 in zip(SIDES, shifts, strict=True):
        hip, knee, ankle = _leg(side, skeleton)
        bones = (joints_TJ3[:, knee] - joints_TJ3[:, hip], joints_TJ3[:, ankle] - joints_TJ3[:, knee])
        reach_T = REACH * sum(_lengths(bone_T3)[:, 0] for bone_T3 in bones)
        way_T3 = joints_TJ3[:, ankle] + shift_T3 - joints_TJ3[:, hip]
        level_T = np.linalg.norm(way_T3[:, LEVEL], axis=1)
        highest_T = np.sqrt(np.maximum(reach_T**2 - level_T**2, 0.0))
        missing_T = np.where(shift_T3.any(axis=1), -way_T3[:, UP] - highest_T, 0.0)
        needed_T = np.maximum(needed_T, missing_T)
    needed_T = np.minimum(needed_T, DEEPEST / skeleton.metres_per_unit)
    lowered_T: Array = _around(_around(needed_T, fade).max(axis=1), fade).mean(axis=1)
    return lowered_T


def _around(values_T: Array, frames: int) -> Array:
    """Each value with those of so many frames before and after it, (T, 2 frames + 1)."""
    return sliding_window_view(np.pad(values_T, frames, mode="edge"), 2 * frames + 1)


def _fade_frames(frames_per_second: float) -> int:
    return max(1, round(FADE_SECONDS * frames_per_second))


def _fading(frames: int) -> Array:
    """Falling weights between 1 and 0, both left out, (frames, 1)."""
    return 0.5 + 0.5 * np.cos(np.pi * np.arange(1, frames + 1) / (frames + 1))[:, None]


def _move_foot(joints_TJ3: Array, shift_T3: Array, side: str, skeleton: Skeleton) -> None:
    """Move the ankle and all below it, and bend the knee so that both leg bones keep their lengths."""
    hip, knee, ankle = _leg(side, skeleton)
    hip_T3, knee_T3, ankle_T3 = (joints_TJ3[:, joint].copy() for joint in (hip, knee, ankle))
    moved_T = np.linalg.norm(shift_T3, axis=1) > 0
    new_ankle_T3, new_knee_T3 = _two_bones(hip_T3, knee_T3, ankle_T3, ankle_T3 + shift_T3)
    joints_TJ3[moved_T, knee] = new_knee_T3[moved_T]
    for joint in _below(ankle, skeleton):
        joints_TJ3[moved_T, joint] += (new_ankle_T3 - ankle_T3)[moved_T]


def _leg(side: str, skeleton: Skeleton) -> tuple[int, int, int]:
    """Hip, knee and ankle."""
    ankle = skeleton.index(f"{side}_ankle")
    knee = skeleton.parents[ankle]
    return skeleton.parents[knee], knee, ankle


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
