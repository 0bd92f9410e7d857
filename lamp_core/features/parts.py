"""Parts of a frame of features: its groups of numbers, or parts of the body.

Shapes: D feature numbers a frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import ROOT, Skeleton, skeleton_with_features

Division = Literal["groups", "body"]
ROOT_PART, TORSO, HAND = "root", "torso", "_hand"
LIMBS = {"hip": "leg", "collar": "arm", "shoulder": "arm"}
"""The joint at which a limb begins, without its side. An arm with a collar begins there."""


@dataclass(frozen=True)
class Part:
    """Numbers of a frame that belong together.

    Args:
        name: ``root``, ``positions``, ...; or ``root``, ``torso``, ``left_arm``, ...
        columns: their places in a frame, ascending.
    """

    name: str
    columns: tuple[int, ...]


def parts_of(width: int, division: Division) -> tuple[Part, ...]:
    """Divide the numbers of a frame: every one is in exactly one part.

    Args:
        width: D of a known skeleton.
        division: ``groups``: root, positions, rotations, velocities, contacts; ``body``: root (its velocity
            too), torso, left and right arm, left and right leg (with the contacts of the foot), and with
            joints of the fingers left and right hand.

    Raises:
        LampError: features of this width belong to no skeleton.
    """
    layout = FeatureLayout.of_width(width)
    if division == "groups":
        names = (ROOT_PART, "positions", "rotations", "velocities", "contacts")
        return tuple(Part(name, tuple(range(width)[layout[name]])) for name in names)
    skeleton = skeleton_with_features(width)
    columns: dict[str, list[int]] = {ROOT_PART: list(range(width)[layout[ROOT_PART]])}
    for joint, part in enumerate(part_of_joints(skeleton)):
        columns.setdefault(part, []).extend(_columns(layout, joint))
    for contact, joint in zip(range(width)[layout["contacts"]], skeleton.feet, strict=True):
        columns[part_of_joints(skeleton)[joint]].append(contact)
    return tuple(Part(name, tuple(sorted(places))) for name, places in columns.items())


@cache
def hand_columns(width: int) -> tuple[int, ...]:
    """Places of the numbers of both hands in a frame, ascending; none where features have no hands."""
    hands = (part.columns for part in parts_of(width, "body") if part.name.endswith(HAND))
    return tuple(sorted(place for columns in hands for place in columns))


def part_of_joints(skeleton: Skeleton) -> tuple[str, ...]:
    """Every joint's part of the body: a limb begins at hip, collar or shoulder, a hand behind the wrist."""
    parts: list[str] = []
    for name, parent in zip(skeleton.joints, skeleton.parents, strict=True):
        if parent == ROOT:
            parts.append(ROOT_PART)
            continue
        above = TORSO if parts[parent] == ROOT_PART else parts[parent]
        side, _, joint = name.partition("_")
        if joint in LIMBS:
            above = f"{side}_{LIMBS[joint]}"
        elif skeleton.joints[parent].endswith("wrist"):
            above = f"{side}{HAND}"
        parts.append(above)
    return tuple(parts)


def _columns(layout: FeatureLayout, joint: int) -> Iterator[int]:
    """Places of a joint's velocity, and but for the root's of its position and rotation."""
    blocks = [("velocities", 3, joint)]
    if joint:
        blocks += [("positions", 3, joint - 1), ("rotations", 6, joint - 1)]
    for group, numbers, place in blocks:
        first = layout[group].start + numbers * place
        yield from range(first, first + numbers)
