"""The mirror image of a motion, as joints and as features.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

Joints = TypeVar("Joints", NDArray[Any], Tensor)
Features = TypeVar("Features", NDArray[Any], Tensor)

POSITION_SIGNS = (-1, 1, 1)
ROTATION_SIGNS = (1, -1, -1, -1, 1, 1)


def mirror(joints_TJ3: Joints, skeleton: Skeleton) -> Joints:
    """Left and right change places and X changes sign; twice is the motion itself.

    Args:
        joints_TJ3: any leading shape, array or tensor.
        skeleton: whose joints they are.

    Returns:
        joints_TJ3: of the same kind and type.
    """
    swapped = joints_TJ3[..., _joint_order(skeleton), :]
    if isinstance(swapped, Tensor):
        return swapped * torch.tensor(POSITION_SIGNS, dtype=swapped.dtype, device=swapped.device)
    mirrored: NDArray[Any] = swapped * np.array(POSITION_SIGNS, dtype=swapped.dtype)
    return mirrored


def mirror_features(features_TD: Features, skeleton: Skeleton) -> Features:
    """Features of the mirror image, without extracting them again: numbers change places and signs.

    They equal the features of the mirrored joints where left and right bones of the reference pose have the
    same lengths, and so have the legs of the clip. A 6-D rotation is two columns of a matrix R, whose mirror
    image is S R S with S = diag(-1, 1, 1).

    Args:
        features_TD: any leading shape, array or tensor, not normalised.
        skeleton: whose features they are.

    Returns:
        features_TD: of the same kind and type.
    """
    order_D, sign_D = _mirrored_numbers(skeleton.name)
    swapped = features_TD[..., order_D]
    if isinstance(swapped, Tensor):
        return swapped * torch.tensor(sign_D, dtype=swapped.dtype, device=swapped.device)
    mirrored: NDArray[Any] = swapped * sign_D.astype(swapped.dtype)
    return mirrored


@cache
def _mirrored_numbers(skeleton_name: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For every feature number the one it is taken from, and its sign."""
    skeleton = load_skeleton(skeleton_name)
    layout = FeatureLayout.of(skeleton)
    joint_order_J = _joint_order(skeleton)
    below_root = [joint - 1 for joint in joint_order_J[1:]]
    order_D = np.arange(layout.width)
    sign_D = np.ones(layout.width)
    sign_D[layout["root_yaw_velocity"]] = -1
    sign_D[layout["root_planar_velocity"]] = (-1, 1)
    for name, joints, signs in (
        ("positions", below_root, POSITION_SIGNS),
        ("rotations", below_root, ROTATION_SIGNS),
        ("velocities", joint_order_J, POSITION_SIGNS),
    ):
        numbers = order_D[layout[name]].reshape(len(joints), len(signs))
        order_D[layout[name]] = numbers[joints].ravel()
        sign_D[layout[name]] = np.tile(signs, len(joints))
    order_D[layout["contacts"]] = np.roll(
        order_D[layout["contacts"]], 2
    )  # the left foot's two, the right's two
    return order_D, sign_D


def _joint_order(skeleton: Skeleton) -> list[int]:
    """The joint that each joint becomes in a mirror."""
    order = list(range(skeleton.joint_count))
    for left, right in skeleton.mirror_pairs:
        order[left], order[right] = right, left
    return order
