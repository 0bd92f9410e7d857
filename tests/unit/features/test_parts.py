"""Parts of a frame: every number is in exactly one, and it is the one of its joint."""

import pytest

from lamp_core.errors import LampError
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.parts import Division, Part, part_of_joints, parts_of
from lamp_core.skeleton.skeleton import load_skeleton

LIMBS = ("left_leg", "right_leg", "left_arm", "right_arm")


@pytest.mark.parametrize("width", [263, 251, 623])
@pytest.mark.parametrize("division", ["groups", "body"])
def test_every_number_is_in_one_part(width: int, division: Division) -> None:
    parts = parts_of(width, division)
    assert sorted(place for part in parts for place in part.columns) == list(range(width))
    assert all(part.columns and list(part.columns) == sorted(part.columns) for part in parts)


def test_groups_are_those_of_the_layout() -> None:
    found = {part.name: len(part.columns) for part in parts_of(263, "groups")}
    assert found == {"root": 4, "positions": 63, "rotations": 126, "velocities": 66, "contacts": 4}


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (263, {"root", "torso", *LIMBS}),
        (251, {"root", "torso", *LIMBS}),
        (623, {"root", "torso", *LIMBS, "left_hand", "right_hand"}),
    ],
)
def test_parts_of_the_body(width: int, names: set[str]) -> None:
    assert {part.name for part in parts_of(width, "body")} == names


def test_a_part_has_the_numbers_of_its_joints_and_a_leg_its_contacts() -> None:
    layout, skeleton = FeatureLayout.of_width(263), load_skeleton("smpl22")
    leg = _named(parts_of(263, "body"), "left_leg")
    hip = skeleton.index("left_hip")
    assert {layout["positions"].start + 3 * (hip - 1), layout["rotations"].start + 6 * hip - 1} <= set(
        leg.columns
    )
    assert [
        place - layout["contacts"].start for place in leg.columns if place >= layout["contacts"].start
    ] == [0, 1]
    assert len(leg.columns) == 4 * 12 + 2
    root = _named(parts_of(263, "body"), "root")
    velocities = layout["velocities"].start
    assert root.columns == (0, 1, 2, 3, velocities, velocities + 1, velocities + 2)


def test_a_hand_begins_behind_the_wrist() -> None:
    skeleton = load_skeleton("smplx52")
    parts = dict(zip(skeleton.joints, part_of_joints(skeleton), strict=True))
    assert (parts["left_wrist"], parts["left_thumb3"]) == ("left_arm", "left_hand")
    assert (parts["right_collar"], parts["head"], parts["pelvis"]) == ("right_arm", "torso", "root")


def test_features_of_no_skeleton_are_named() -> None:
    with pytest.raises(LampError, match="264 numbers a frame belong to no skeleton"):
        parts_of(264, "body")


def _named(parts: tuple[Part, ...], name: str) -> Part:
    return next(part for part in parts if part.name == name)
