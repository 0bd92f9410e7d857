"""Features back to joints whose bones keep the reference's lengths.

`lamp_core.features.decode` takes the local positions, as the field does; of generated features these stretch
bones, since nothing binds the positions of a joint and of its parent. Here a bone has the reference's length
and its direction is taken from the positions, or from the rotations.

Shapes: B any leading shape, T frames, J joints, E bones (J-1), D feature numbers a frame.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lamp_core.features.decode import decode, facing_of, yaw_velocity_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import bone_lengths
from lamp_core.skeleton.skeleton import Skeleton

Decoding = Literal["positions", "bones", "rotations"]
"""Local positions as they are; their directions on the reference's bones; the rotations on these."""


def decode_by(
    way: Decoding, features_BTD: Tensor, skeleton: Skeleton, reference_J3: np.ndarray | Tensor
) -> Tensor:
    """Joints (..., T, J, 3) of de-normalised features in one of the ways.

    Args:
        way: see `Decoding`.
        features_BTD: any leading shape, or none.
        skeleton: whose features they are.
        reference_J3: the pose whose bone lengths every clip was given.

    Raises:
        LampError: as `decode`.
    """
    joints_BTJ3 = decode(features_BTD, skeleton)
    if way == "positions":
        return joints_BTJ3
    if way == "rotations":
        directions_BTE3 = directions_by_rotations(features_BTD, skeleton)
    else:
        directions_BTE3 = joints_BTJ3[..., 1:, :] - joints_BTJ3[..., list(skeleton.parents[1:]), :]
        directions_BTE3 = torch.nn.functional.normalize(directions_BTE3, dim=-1)
    return place_bones(joints_BTJ3[..., 0, :], directions_BTE3, skeleton, reference_J3)


def place_bones(
    root_BT3: Tensor, directions_BTE3: Tensor, skeleton: Skeleton, reference_J3: np.ndarray | Tensor
) -> Tensor:
    """Joints from the root, the unit directions of the bones and the reference's bone lengths."""
    lengths_E = bone_lengths(torch.as_tensor(np.asarray(reference_J3)).to(root_BT3), skeleton)
    joints = [root_BT3]
    for child in range(1, skeleton.joint_count):
        bone_BT3 = directions_BTE3[..., child - 1, :] * lengths_E[child - 1]
        joints.append(joints[skeleton.parents[child]] + bone_BT3)
    return torch.stack(joints, dim=-2)


def directions_by_rotations(features_BTD: Tensor, skeleton: Skeleton) -> Tensor:
    """World directions (..., T, E, 3) of all bones as the rotations have them.

    A joint's rotation is stored as seen from that of its parent in the chain, the root's being the turn to
    where the body faces, and turns the bone's unrotated direction (Guo et al. 2022, and its code).
    """
    layout = FeatureLayout.of(skeleton)
    cosine_BT1, sine_BT1 = facing_of(yaw_velocity_of(features_BTD, layout))
    zero, one = torch.zeros_like(cosine_BT1), torch.ones_like(cosine_BT1)
    rows = [cosine_BT1, zero, sine_BT1, zero, one, zero, -sine_BT1, zero, cosine_BT1]
    root_BT33 = torch.cat(rows, dim=-1).reshape(*cosine_BT1.shape[:-1], 3, 3)
    six_BTD = features_BTD[..., layout["rotations"]]
    local_BTE33 = _matrices(six_BTD.reshape(*six_BTD.shape[:-1], -1, 6))
    turned = [root_BT33]
    for child in range(1, skeleton.joint_count):
        turned.append(turned[skeleton.chain_parents[child]] @ local_BTE33[..., child - 1, :, :])
    unrotated_E3 = torch.from_numpy(np.array(skeleton.directions_J3[1:])).to(features_BTD)
    return torch.einsum("...erc,ec->...er", torch.stack(turned[1:], dim=-3), unrotated_E3)


def _matrices(six_BTE6: Tensor) -> Tensor:
    """Rotation matrices of two columns each, made orthonormal (Zhou et al. 2019)."""
    first = torch.nn.functional.normalize(six_BTE6[..., :3], dim=-1)
    second = six_BTE6[..., 3:] - (first * six_BTE6[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack((first, second, torch.linalg.cross(first, second)), dim=-1)
