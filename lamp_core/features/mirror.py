"""The mirror image of a motion.

Shapes: T frames, J joints.
"""

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.skeleton.skeleton import Skeleton

Joints = TypeVar("Joints", NDArray[Any], Tensor)


def mirror(joints_TJ3: Joints, skeleton: Skeleton) -> Joints:
    """Left and right change places and X changes sign; twice is the motion itself.

    Args:
        joints_TJ3: any leading shape, array or tensor.
        skeleton: whose joints they are.

    Returns:
        joints_TJ3: of the same kind and type.
    """
    order = list(range(skeleton.joint_count))
    for left, right in skeleton.mirror_pairs:
        order[left], order[right] = right, left
    swapped = joints_TJ3[..., order, :]
    if isinstance(swapped, Tensor):
        return swapped * torch.tensor([-1, 1, 1], dtype=swapped.dtype, device=swapped.device)
    mirrored: NDArray[Any] = swapped * np.array([-1, 1, 1], dtype=swapped.dtype)
    return mirrored
