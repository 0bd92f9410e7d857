"""What feet do over the floor from frame to frame, told by the features without the root's whole path.

Shapes: B any leading shape, T frames, S steps from a frame to the next (T-1), F foot joints (left ankle, left
    foot, right ankle, right foot), D feature numbers a frame.
"""

import torch
from torch import Tensor

from lamp_core.features.decode import seen_from_before
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton


def foot_steps(features_BTD: Tensor, skeleton: Skeleton) -> Tensor:
    """Way of each foot joint from a frame to the next in the world, seen from the facing of the first.

    Differentiable. It is what `lamp_core.features.decode` makes of the features, but for the frame in which
    the published encoding reverses a turn, which is not put right here.

    Args:
        features_BTD: de-normalised.
        skeleton: whose features they are.

    Returns:
        steps_BSF3: in the skeleton's unit.
    """
    layout = FeatureLayout.of(skeleton)
    local_BTP = features_BTD[..., layout["positions"]]
    columns = torch.tensor([joint - 1 for joint in skeleton.feet], device=features_BTD.device) * 3
    x_BTF, y_BTF, z_BTF = (local_BTP[..., columns + axis] for axis in range(3))
    yaw_velocity_BT1 = features_BTD[..., layout["root_yaw_velocity"]]
    next_x_BSF, next_z_BSF = seen_from_before(x_BTF, z_BTF, features_BTD, yaw_velocity_BT1, layout)
    steps = (next_x_BSF - x_BTF[..., :-1, :], y_BTF.diff(dim=-2), next_z_BSF - z_BTF[..., :-1, :])
    return torch.stack(steps, dim=-1)
