import numpy as np
import torch

from lamp_core.skeleton.kinematics import (
    bone_directions,
    bone_lengths,
    canonical_reference,
    place_joints,
    ways_to_joints,
)
from lamp_core.skeleton.skeleton import Skeleton


def test_reference_is_an_upright_human_on_the_floor(skeleton: Skeleton):
    metres = canonical_reference(skeleton) * skeleton.metres_per_unit
    heights = dict(zip(skeleton.joints, metres[:, 1], strict=True))
    assert 1.4 < heights["head"] < 1.9
    assert 0 <= min(heights.values()) < 0.05
    assert heights["left_knee"] > heights["left_ankle"]
    lengths = (
        bone_lengths(torch.from_numpy(canonical_reference(skeleton)), skeleton) * skeleton.metres_per_unit
    )
    assert float(lengths.min()) > 0.03 and float(lengths.max()) < 0.5


def test_reference_is_symmetric_and_faces_ahead_with_left_at_positive_x(skeleton: Skeleton):
    rest = canonical_reference(skeleton)
    for left, right in skeleton.mirror_pairs:
        np.testing.assert_allclose(rest[left], rest[right] * [-1, 1, 1])
        assert rest[left, 0] > 0
    feet = [rest[joint, 2] for joint in skeleton.feet]
    assert feet[1] > feet[0] and feet[3] > feet[2]


def test_directions_and_lengths_give_the_joints_back(skeleton: Skeleton):
    joints_J3N = torch.randn(skeleton.joint_count, 3, 1, generator=torch.Generator().manual_seed(1))
    directions, lengths = bone_directions(joints_J3N, skeleton)
    placed = place_joints(directions, ways_to_joints(lengths[:, 0], skeleton), joints_J3N[0])
    torch.testing.assert_close(placed, joints_J3N)


def test_bone_without_length_keeps_its_unrotated_direction(skeleton: Skeleton):
    joints_J3N = torch.from_numpy(canonical_reference(skeleton))[:, :, None].clone()
    child, parent = skeleton.bones[-1]
    joints_J3N[child] = joints_J3N[parent]
    directions, lengths = bone_directions(joints_J3N, skeleton)
    assert float(lengths[-1, 0]) == 0
    assert directions[-1, :, 0].tolist() == list(skeleton.directions[child])
