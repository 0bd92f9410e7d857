from itertools import chain

import pytest
import torch

from lamp_core.features.layout import FeatureLayout
from lamp_core.lexical.patches import JointPatches, joint_columns
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


def test_every_number_of_a_frame_belongs_to_one_joint(skeleton: Skeleton) -> None:
    columns = joint_columns(skeleton)
    assert sorted(chain.from_iterable(columns)) == list(range(skeleton.feature_count))
    assert len(columns) == skeleton.joint_count


def test_a_joint_has_its_own_position_rotation_velocity_and_contact() -> None:
    skeleton = load_skeleton("smpl22")
    layout = FeatureLayout.of(skeleton)
    foot = skeleton.feet[1]
    assert joint_columns(skeleton)[foot] == [
        *range(layout["positions"].start + 3 * (foot - 1), layout["positions"].start + 3 * foot),
        *range(layout["rotations"].start + 6 * (foot - 1), layout["rotations"].start + 6 * foot),
        *range(layout["velocities"].start + 3 * foot, layout["velocities"].start + 3 * (foot + 1)),
        layout["contacts"].start + 1,
    ]


@pytest.mark.parametrize("frames", [16, 5])
def test_patches_hold_the_numbers_of_their_joint_and_frames(frames: int) -> None:
    skeleton = load_skeleton("smpl22")
    patches = JointPatches(skeleton, frames)
    features_BTD = torch.randn(2, 20, 263)
    mask_BT = torch.ones(2, 20, dtype=torch.bool)
    mask_BT[1, 10:] = False
    made, mask_BN = patches(features_BTD, mask_BT)
    assert made.shape == (2, -(-20 // frames), 22, frames * 13)
    assert mask_BN.sum(dim=1).tolist() == [-(-20 // frames), -(-10 // frames)]
    joint = 7
    first = made[0, 1, joint].view(frames, 13)[0, : len(joint_columns(skeleton)[joint])]
    assert torch.equal(first, features_BTD[0, frames, joint_columns(skeleton)[joint]])
    known = patches.known(mask_BT)
    assert int(known.sum()) == (20 + 10) * 263  # every true number once, no padding
    assert not made[~known].any()
