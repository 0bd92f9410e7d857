"""Poses of a skeleton as batched tensors, coordinates before frames.

Shapes: J joints, E bones (J-1: the bone that ends in each joint but the root), N frames of any number of
    clips.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.skeleton.skeleton import Skeleton

SHORTEST_BONE = 1e-7  # units; a shorter bone has no direction of its own


def canonical_reference(skeleton: Skeleton) -> NDArray[np.float32]:
    """An upright rest pose with human bone lengths.

    Returns:
        joints_J3: in the skeleton's unit, facing +Z, arms hanging, the toes just above the floor (Y 0).
    """
    return np.array(skeleton.rest, dtype=np.float32)


def bone_lengths(joints_J3: Tensor, skeleton: Skeleton) -> Tensor:
    """Lengths of a pose's bones, (E,), in the pose's unit."""
    lengths_E: Tensor = torch.linalg.vector_norm(
        joints_J3[1:] - joints_J3[list(skeleton.parents[1:])], dim=-1
    )
    return lengths_E


def bone_directions(joints_J3N: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """Unit directions and lengths of all bones.

    A bone without length keeps the direction that it has when not rotated.

    Returns:
        directions_E3N, lengths_EN.
    """
    parents_E = torch.tensor(skeleton.parents[1:], device=joints_J3N.device)
    directions_E3N = joints_J3N[1:] - joints_J3N.index_select(0, parents_E)
    x, y, z = directions_E3N.unbind(1)
    lengths_EN = (x * x).addcmul_(y, y).addcmul_(z, z).sqrt_()
    directions_E3N /= lengths_EN[:, None]
    if float(lengths_EN.amin()) < SHORTEST_BONE:
        without_length = lengths_EN < SHORTEST_BONE
        unrotated_E31 = torch.from_numpy(skeleton.directions_J3[1:, :, None]).to(directions_E3N)
        directions_E3N = torch.where(without_length[:, None], unrotated_E31, directions_E3N)
    return directions_E3N, lengths_EN


def ways_to_joints(lengths_E: Tensor, skeleton: Skeleton) -> Tensor:
    """Matrix of forward kinematics, (J, E): row j holds the lengths of the bones on the way to joint j."""
    ways_JE = torch.zeros(skeleton.joint_count, len(lengths_E), dtype=lengths_E.dtype)
    for child, parent in skeleton.bones:
        ways_JE[child] = ways_JE[parent]
        ways_JE[child, child - 1] = lengths_E[child - 1]
    return ways_JE.to(lengths_E.device)


def place_joints(directions_E3N: Tensor, ways_JE: Tensor, root_3N: Tensor) -> Tensor:
    """Forward kinematics from world directions: a joint is the root plus the bones on the way to it, one
    matrix product.

    Returns:
        joints_J3N.
    """
    bones, _, frames = directions_E3N.shape
    joints_J3N = (ways_JE @ directions_E3N.reshape(bones, -1)).view(-1, 3, frames)
    return joints_J3N.add_(root_3N)
