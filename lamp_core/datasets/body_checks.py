"""Are these people, and do they stand? What is asked of every motion that comes in, of the first clips of a
data set as of a single file, in the same words.

Shapes: T frames, J joints.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.posture import (
    TOES_BEHIND,
    body_height,
    bone_without_length,
    fitting_units,
    is_human_size,
    likely_up_axis,
    odd_speed,
    root_to_head,
    toes_ahead,
)
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import UpAxis, mirror_x, turn_back

FORCE = "--force takes them as they are"


def check_bodies(
    clips: Sequence[np.ndarray],
    skeleton: Skeleton,
    where: str,
    *,
    metres_per_unit: float,
    up: UpAxis = "y",
    left_handed: bool = False,
    map_name: str | None = None,
) -> None:
    """Hold bodies against people: bones, size, posture and sides.

    Args:
        clips: joints (T, J, 3) in the skeleton's unit, Y up.
        skeleton: whose joints they are.
        where: names the file, or the first files of a set.
        metres_per_unit: that lengths were read with.
        up: axis that was taken to be up.
        left_handed: whether the axes were taken to be left-handed.
        map_name: of the joint map that they were read with.

    Raises:
        LampError: the first fault, with the option that mends it.
    """
    fault = next(_faults(clips, skeleton, metres_per_unit, up, left_handed, map_name), None)
    if fault is not None:
        raise LampError(f"{where}: {fault}; {FORCE}")


def _faults(
    clips: Sequence[np.ndarray],
    skeleton: Skeleton,
    metres_per_unit: float,
    up: UpAxis,
    left_handed: bool,
    map_name: str | None,
) -> Iterator[str]:
    height = float(np.median([body_height(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if not is_human_size(height):
        units = " or ".join(f"--unit {name}" for name in fitting_units(height, metres_per_unit))
        other = "no unit known here fits them" if map_name is None else "a map with another metres_per_unit"
        yield f"the people are {height:.3g} m tall; " + (f"give {units}" if units else other)
        return
    bones = [bone_without_length(joints_TJ3, skeleton) for joints_TJ3 in clips]
    if map_name is not None and all(bones) and bones[0] is not None:
        parent, child = bones[0]
        yield (
            f"the bone from {parent} to {child} has no length; name another joint, or an end site such as"
            f" LeftFoot_End, in the map {map_name!r}"
        )
    # The axis that would have to be up, named as the file names it: the turn is undone.
    stated = [mirror_x(joints_TJ3) if left_handed else joints_TJ3 for joints_TJ3 in clips]
    directions = [turn_back(root_to_head(joints_TJ3, skeleton), up) for joints_TJ3 in stated]
    axis = likely_up_axis(directions, up)
    if axis != up:
        yield f"with up axis {up} the people lie on the floor; give --up {axis}"
        return
    ahead = float(np.median([toes_ahead(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if ahead < TOES_BEHIND:
        remedy = "leave --left-handed out" if left_handed else "give --left-handed"
        sides = "left and right are exchanged"
        yield f"the toes point against the facing ({ahead:.2f} m): {sides}; {remedy}"


def speed_remark(clips: Sequence[tuple[np.ndarray, float]], skeleton: Skeleton) -> str:
    """A line where most clips, joints with their rate, move as at a wrong rate; else empty."""
    found = [odd_speed(joints_TJ3, skeleton, rate) for joints_TJ3, rate in clips]
    odd = [text for text in found if text]
    return f"{odd[0]}; is the frame rate right? --fps sets it" if 2 * len(odd) > len(found) else ""
