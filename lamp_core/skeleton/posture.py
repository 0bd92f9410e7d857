"""How tall a moving body is and which way it stands: what tells a wrong unit or a wrong up axis.

Shapes: T frames, J joints, K bones of one way to the root.
"""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lamp_core.skeleton.skeleton import ROOT, Skeleton
from lamp_core.skeleton.units import METRES, Unit, UpAxis

HEAD = "head"
SHORTEST_BODY, TALLEST_BODY = 0.6, 2.8  # metres from ankle to head joint, along the bones
UPRIGHT = 0.5  # component of the unit direction from root to head along the up axis
AXES = get_args(UpAxis)


def body_height(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> float:
    """Length along the bones from the ankle over the root to the head, metres, median over the frames.

    It does not depend on the pose: a person who lies on the floor is as tall as one who stands.
    """
    _, ankle = skeleton.leg
    bones = [*_way_to_root(ankle, skeleton), *_way_to_root(skeleton.index(HEAD), skeleton)]
    children, parents = np.array(bones).T
    bones_TK3 = joints_TJ3[:, children] - joints_TJ3[:, parents]
    heights_T = np.sqrt(np.square(bones_TK3, dtype=np.float64).sum(-1)).sum(-1)
    return float(np.median(heights_T)) * skeleton.metres_per_unit


def root_to_head(joints_TJ3: NDArray[Any], skeleton: Skeleton) -> NDArray[np.float64]:
    """Median over the frames of the unit direction from the root to the head, (3,)."""
    trunk_T3 = np.asarray(joints_TJ3[:, skeleton.index(HEAD)] - joints_TJ3[:, 0], dtype=np.float64)
    lengths_T1 = np.linalg.norm(trunk_T3, axis=1, keepdims=True)
    directions_T3 = np.divide(trunk_T3, lengths_T1, out=np.zeros_like(trunk_T3), where=lengths_T1 > 0)
    return np.asarray(np.median(directions_T3, axis=0))


def is_human_size(height: float) -> bool:
    """Whether a `body_height` may be a person's."""
    return SHORTEST_BODY <= height <= TALLEST_BODY


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


def _way_to_root(joint: int, skeleton: Skeleton) -> Iterator[tuple[int, int]]:
    while skeleton.parents[joint] != ROOT:
        yield joint, skeleton.parents[joint]
        joint = skeleton.parents[joint]
