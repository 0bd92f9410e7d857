"""Are these people, and do they stand? What is asked of every motion that comes in, of the first clips of a
data set as of a single file, in the same words.

Shapes: T frames, J joints.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lamp_core.datasets.motion_form import MotionForm
from lamp_core.errors import LampError
from lamp_core.skeleton.mapping import JointMap
from lamp_core.skeleton.posture import (
    SMALLEST_SCHOOLCHILD,
    TOES_BEHIND,
    body_height,
    bone_without_length,
    fitting_units,
    is_human_size,
    joint_speeds,
    likely_up_axis,
    odd_speed,
    root_to_head,
    toes_ahead,
    way_covered,
)
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import METRES, UpAxis, mirror_x, turn_back

FORCE = "--force takes them as they are"
UNIT, UP, LEFT_HANDED, RATE = "--unit", "--up", "--left-handed", "--fps"
OPTIONS = frozenset({UNIT, UP, LEFT_HANDED, RATE})
"""The options of a command that say how motions stand in their files."""


@dataclass(frozen=True)
class Reading:
    """How bodies were read, and what a user can say to have them read otherwise.

    Args:
        metres_per_unit: that lengths were read with.
        up: axis that was taken to be up.
        left_handed: whether the axes were taken to be left-handed.
        map_name: of the joint map that they were read with.
        is_map_left_handed: whether it is the map, and no option, that says so.
        options: of the command; a remedy names no other.
    """

    metres_per_unit: float
    up: UpAxis = "y"
    left_handed: bool = False
    map_name: str | None = None
    is_map_left_handed: bool = False
    options: frozenset[str] = OPTIONS

    @classmethod
    def of(
        cls,
        form: MotionForm,
        skeleton: Skeleton,
        joint_map: JointMap | None = None,
        *,
        up: UpAxis = "y",
        options: frozenset[str] = OPTIONS,
    ) -> "Reading":
        """What a form says, the joint map of BVH files where it says nothing, else skeleton and ``up``."""
        if joint_map is None:
            metres = METRES[form.unit] if form.unit else skeleton.metres_per_unit
            return cls(metres, form.up or up, form.left_handed, options=options)
        by_map = joint_map.measured(form.unit, form.up, form.left_handed)
        own = by_map.left_handed and not form.left_handed
        return cls(by_map.metres_per_unit, by_map.up, by_map.left_handed, by_map.name, own, options)

    def remedy(self, option: str, given: str, otherwise: str) -> str:
        """To give an option, where the command has it; else what to do to the files."""
        return f"give {given}" if option in self.options else otherwise


def check_bodies(clips: Sequence[np.ndarray], skeleton: Skeleton, where: str, reading: Reading) -> None:
    """Hold bodies against people: bones, size, posture and sides.

    Args:
        clips: joints (T, J, 3) in the skeleton's unit, Y up.
        skeleton: whose joints they are.
        where: names the file, or the first files of a set.
        reading: how they were read.

    Raises:
        LampError: the first fault, with what mends it.
    """
    fault = next(_faults(clips, skeleton, reading), None)
    if fault is not None:
        raise LampError(f"{where}: {fault}; {FORCE}")


def _faults(clips: Sequence[np.ndarray], skeleton: Skeleton, reading: Reading) -> Iterator[str]:
    height = float(np.median([body_height(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if not is_human_size(height):
        yield f"the people are {height:.3g} m tall; {_other_unit(height, skeleton, reading)}"
        return
    bones = [bone_without_length(joints_TJ3, skeleton) for joints_TJ3 in clips]
    if reading.map_name is not None and all(bones) and bones[0] is not None:
        parent, child = bones[0]
        yield (
            f"the bone from {parent} to {child} has no length; name another joint, or an end site such as"
            f" LeftFoot_End, in the map {reading.map_name!r}"
        )
    # The axis that would have to be up, named as the file names it: the turn is undone.
    stated = [mirror_x(joints_TJ3) if reading.left_handed else joints_TJ3 for joints_TJ3 in clips]
    directions = [turn_back(root_to_head(joints_TJ3, skeleton), reading.up) for joints_TJ3 in stated]
    axis = likely_up_axis(directions, reading.up)
    if axis != reading.up:
        remedy = reading.remedy(UP, f"{UP} {axis}", f"{axis} is up: turn the files")
        yield f"with up axis {reading.up} the people lie on the floor; {remedy}"
        return
    ahead = float(np.median([toes_ahead(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if ahead < TOES_BEHIND:
        yield (
            f"the toes point against the facing ({ahead:.2f} m): left and right are exchanged;"
            f" {_other_sides(reading)}"
        )


def _other_unit(height: float, skeleton: Skeleton, reading: Reading) -> str:
    known = fitting_units(height, reading.metres_per_unit)
    if known and UNIT in reading.options:
        return "give " + " or ".join(f"{UNIT} {name}" for name in known)
    if reading.map_name is not None:
        return f"give {reading.map_name!r} another metres_per_unit, in a map of your own"
    own = next(name for name, metres in METRES.items() if metres == skeleton.metres_per_unit)
    return f"wanted are lengths in {own}" if known else "no unit known here fits them"


def _other_sides(reading: Reading) -> str:
    if not reading.left_handed:
        return reading.remedy(LEFT_HANDED, LEFT_HANDED, "mirror the files")
    if reading.is_map_left_handed:
        return f"the map {reading.map_name!r} says left_handed: leave it out there"
    return f"leave {LEFT_HANDED} out"


def size_remark(clips: Sequence[np.ndarray], skeleton: Skeleton, reading: Reading) -> str:
    """A line for people as small as adults are whose inches were read as centimetres; else empty."""
    height = float(np.median([body_height(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if not is_human_size(height) or height >= SMALLEST_SCHOOLCHILD:
        return ""
    return f"the people are {height:.2g} m tall, as small children are; is the unit right?" + (
        f" {UNIT} sets it" if UNIT in reading.options else ""
    )


def speed_remark(
    clips: Sequence[tuple[np.ndarray, float]], skeleton: Skeleton, options: frozenset[str] = OPTIONS
) -> str:
    """A line where most clips, joints with their rate, move as at a wrong rate; else empty."""
    found = [
        odd_speed(joint_speeds(joints_TJ3, skeleton, rate), way_covered(joints_TJ3, skeleton))
        for joints_TJ3, rate in clips
    ]
    odd = [text for text in found if text]
    if 2 * len(odd) <= len(found):
        return ""
    return f"{odd[0]}; is the frame rate right?" + (f" {RATE} sets it" if RATE in options else "")
