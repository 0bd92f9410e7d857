"""How tall a moving body is, which way it stands, faces and how fast it moves: what tells a wrong unit, up
axis, side or rate.

Shapes: T frames, J joints, K bones of one way to the root.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lamp_core.skeleton.skeleton import ROOT, Skeleton
from lamp_core.skeleton.units import METRES, Unit, UpAxis

HEAD = "head"
SHORTEST_BODY, TALLEST_BODY = 0.6, 2.8  # metres from ankle to head joint, along the bones
SMALLEST_SCHOOLCHILD, USUAL_BODY = 0.8, 1.5
"""The same of a child of six and of most adults: an adult in inches, read as centimetres, is smaller."""
UPRIGHT = 0.5  # component of the unit direction from root to head along the up axis
TOES_BEHIND = -0.03  # metres before the ankles: toes behind them are those of a body seen in a mirror
NO_LENGTH = 0.001  # metres: a bone that is shorter is none
WAY = 1.0  # metres: a body that covers it steps
SLOWEST_STEPS, FASTEST_LIMBS = 0.8, 12.0  # metres a second, of the fastest joint in most frames
MOST_FRAMES = 0.95  # share of the frames
FRAMES_FOR_SIDES = 32  # of a clip: which way the toes point needs no more
AXES = get_args(UpAxis)
TINY = 1e-12
"""A length that is none."""


def body_height(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> float:
    """Length along the bones from the ankle over the root to the head, metres, median over the frames.

    It does not depend on the pose: a person who lies on the floor is as tall as one who stands.
    """
    children, parents = _from_ankle_to_head(skeleton)
    bones_TK3 = np.asarray(joints_TJ3[:, children] - joints_TJ3[:, parents], dtype=np.float64)
    heights_T = np.sqrt(np.einsum("tkc,tkc->tk", bones_TK3, bones_TK3)).sum(-1)
    return float(percentile(heights_T)) * skeleton.metres_per_unit


def root_to_head(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> NDArray[np.float64]:
    """Median over the frames of the unit direction from the root to the head, (3,)."""
    trunk_T3 = np.asarray(joints_TJ3[:, skeleton.index(HEAD)] - joints_TJ3[:, 0], dtype=np.float64)
    lengths_T = np.sqrt(np.einsum("tc,tc->t", trunk_T3, trunk_T3))
    return np.asarray(percentile(trunk_T3 / np.maximum(lengths_T, TINY)[:, None]))


def toes_ahead(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> float:
    """How far the toes are before the ankles, as the hips and shoulders face, metres, median over the frames.

    Negative where left and right are exchanged, as left-handed axes make them.
    """
    step = 1 + len(joints_TJ3) // FRAMES_FOR_SIDES
    right_hip, left_hip, right_shoulder, left_shoulder = skeleton.face
    left_ankle, left_foot, right_ankle, right_foot = skeleton.feet
    ends = (right_hip, right_shoulder, left_foot, right_foot)
    starts = (left_hip, left_shoulder, left_ankle, right_ankle)
    floor_TJ2 = joints_TJ3[::step, :, ::2]
    lines_T42 = np.asarray(floor_TJ2[:, ends] - floor_TJ2[:, starts], dtype=np.float64)
    across_T2, feet_T2 = lines_T42[:, 0] + lines_T42[:, 1], lines_T42[:, 2] + lines_T42[:, 3]
    lengths_T = np.sqrt(np.einsum("tc,tc->t", across_T2, across_T2))
    # Forward is across, turned by a right angle: (z, -x).
    ahead_T = 0.5 * (feet_T2[:, 0] * across_T2[:, 1] - feet_T2[:, 1] * across_T2[:, 0])
    return float(percentile(ahead_T / np.maximum(lengths_T, TINY))) * skeleton.metres_per_unit


def percentile(values_T: NDArray[Any], share: float = 50.0) -> NDArray[Any]:
    """As `numpy.percentile` over the first axis, the median by default; for few numbers many times faster."""
    place = (len(values_T) - 1) * share / 100
    first = int(place)
    ordered_T = np.sort(values_T, axis=0)
    low, high = ordered_T[first], ordered_T[min(first + 1, len(values_T) - 1)]
    return np.asarray(low + (high - low) * (place - first))


def bone_without_length(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> tuple[str, str] | None:
    """Parent and child of the first bone that has no length in most frames; None without one."""
    children, parents = skeleton.bone_ends
    bones_TE3 = joints_TJ3[:, children] - joints_TJ3[:, parents]
    lengths_E = np.median(np.sqrt(np.einsum("tec,tec->te", bones_TE3, bones_TE3)), axis=0)
    short = np.flatnonzero(lengths_E * skeleton.metres_per_unit < NO_LENGTH)
    if not len(short):
        return None
    return skeleton.joints[parents[short[0]]], skeleton.joints[children[short[0]]]


def joint_speeds(joints_TJ3: NDArray[Any], skeleton: Skeleton, rate: float) -> NDArray[Any]:
    """Speeds of the joints from each frame to the next, (T-1, J), metres a second."""
    steps_TJ3 = np.diff(joints_TJ3, axis=0)
    speeds_TJ: NDArray[Any] = np.sqrt(np.einsum("tjc,tjc->tj", steps_TJ3, steps_TJ3))
    speeds_TJ *= skeleton.metres_per_unit * rate
    return speeds_TJ


def way_covered(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> float:
    """Metres over the floor from where the root begins to where it ends."""
    x, _, z = (joints_TJ3[-1, 0] - joints_TJ3[0, 0]) * skeleton.metres_per_unit
    return math.hypot(x, z)


def odd_speed(speeds_TJ: NDArray[Any], way: float) -> str:
    """Why the stated rate may be wrong: limbs faster than people's, or steps in slow motion; else empty.

    Args:
        speeds_TJ: `joint_speeds`.
        way: `way_covered`.
    """
    if not len(speeds_TJ):
        return ""
    fastest_T = speeds_TJ.max(1)
    if way <= WAY and fastest_T.max() <= FASTEST_LIMBS:
        return ""
    most = int(MOST_FRAMES * (len(fastest_T) - 1))
    speed = float(np.partition(fastest_T, most)[most])  # which most frames do not pass
    if speed > FASTEST_LIMBS:
        return f"limbs move at {speed:.1f} m/s most of the time, which is too fast for people"
    if way > WAY and speed < SLOWEST_STEPS:
        return f"people cover {way:.1f} m and no joint is faster than {speed:.2f} m/s, as in slow motion"
    return ""


def is_human_size(height: float) -> bool:
    """Whether a `body_height` may be a person's."""
    return SHORTEST_BODY <= height <= TALLEST_BODY


def likely_unit(height: float) -> float:
    """Metres in the unit in which a height in it is nearest to an adult's."""
    return min(METRES.values(), key=lambda metres: abs(math.log(max(height, TINY) * metres / USUAL_BODY)))


def fitting_units(height: float, metres_per_unit: float) -> list[Unit]:
    """The units in which a body of this height, read with another unit, would be of human size."""
    return [unit for unit, metres in METRES.items() if is_human_size(height / metres_per_unit * metres)]


def likely_up_axis(directions: Sequence[NDArray[np.float64]], stated: UpAxis) -> UpAxis:
    """The axis along which the bodies of several clips stand; the stated one unless another is plain.

    Args:
        directions: `root_to_head` of each clip, in the file's axes.
        stated: the axis that is said to be up.
    """
    mean_of = dict(zip(AXES, np.mean(np.asarray(directions), axis=0), strict=True))
    furthest = max(AXES, key=lambda axis: abs(mean_of[axis]))
    return furthest if mean_of[stated] < UPRIGHT < abs(mean_of[furthest]) else stated


@lru_cache(maxsize=8)
def _from_ankle_to_head(skeleton: Skeleton) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Children and parents of the bones between them."""
    _, ankle = skeleton.leg
    bones = [*_way_to_root(ankle, skeleton), *_way_to_root(skeleton.index(HEAD), skeleton)]
    children, parents = np.array(bones).T
    return children, parents


def _way_to_root(joint: int, skeleton: Skeleton) -> Iterator[tuple[int, int]]:
    while skeleton.parents[joint] != ROOT:
        yield joint, skeleton.parents[joint]
        joint = skeleton.parents[joint]
