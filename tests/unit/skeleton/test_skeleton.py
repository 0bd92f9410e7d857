import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import ROOT, Skeleton, load_skeleton, skeleton_names


def test_known_skeletons_have_the_published_sizes():
    assert skeleton_names() == ("kit21", "smpl22", "smplx52")
    sizes = {
        name: (load_skeleton(name).joint_count, load_skeleton(name).feature_count)
        for name in skeleton_names()
    }
    assert sizes == {"smpl22": (22, 263), "kit21": (21, 251), "smplx52": (52, 623)}


def test_unknown_skeleton_names_the_known_ones():
    with pytest.raises(LampError, match=r"'smplx99'.*kit21, smpl22, smplx52"):
        load_skeleton("smplx99")


def test_unknown_joint_names_the_known_ones(skeleton: Skeleton):
    with pytest.raises(LampError, match=r"no joint 'tail'.*pelvis"):
        skeleton.index("tail")


def test_parents_come_first_and_chains_hold_every_bone_once(skeleton: Skeleton):
    assert skeleton.parents[0] == ROOT
    assert all(parent < child for child, parent in skeleton.bones)
    chain_bones = [bone for chain in skeleton.chains for bone in zip(chain[1:], chain[:-1], strict=True)]
    assert sorted(chain_bones) == sorted(skeleton.bones)


def test_arms_are_measured_from_the_root(skeleton: Skeleton):
    arm = skeleton.chains[-1]
    assert arm[0] != 0
    assert skeleton.chain_parents[arm[1]] == 0
    assert skeleton.chain_parents[arm[2]] == arm[1]


def test_directions_are_unit_axes(skeleton: Skeleton):
    directions = np.abs(skeleton.directions_J3)
    assert directions[0].tolist() == [0, 0, 0]
    assert (np.sort(directions[1:], axis=1) == [0, 0, 1]).all()


def test_mirror_pairs_are_left_and_right_of_all_but_the_middle(skeleton: Skeleton):
    middle = [name for name in skeleton.joints if not name.startswith(("left_", "right_"))]
    assert 2 * len(skeleton.mirror_pairs) + len(middle) == skeleton.joint_count
    for left, right in skeleton.mirror_pairs:
        assert skeleton.joints[left].removeprefix("left_") == skeleton.joints[right].removeprefix("right_")


def test_feet_and_face_are_named_in_order(skeleton: Skeleton):
    sides = [skeleton.joints[joint].split("_")[0] for joint in skeleton.feet]
    assert sides == ["left", "left", "right", "right"]
    assert [skeleton.joints[joint] for joint in skeleton.face] == [
        "right_hip",
        "left_hip",
        "right_shoulder",
        "left_shoulder",
    ]
