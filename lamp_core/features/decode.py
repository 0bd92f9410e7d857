"""Features back to joint positions.

Shapes: B any leading shape, T frames, S steps from a frame to the next (T-1), J joints, E joints but the
    root, D feature numbers a frame.
"""

import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton

AGREES = 0.25
"""A turn is reversed where that leaves less than this share of what the velocities contradict."""


def decode(features_BTD: Tensor, skeleton: Skeleton) -> Tensor:
    """Joints of features, from the root's path and the local positions (HumanML3D; rotations are not used).

    Differentiable, on any device. The root starts at x = z = 0 and faces +Z. Turns whose sign the published
    encoding reverses (`yaw_velocity_of`) are put right.

    Args:
        features_BTD: any leading shape, or none; de-normalised.
        skeleton: whose features they are.

    Returns:
        joints_BTJ3: in the skeleton's unit, of the features' type.

    Raises:
        LampError: the features have another width than the skeleton's.
    """
    layout = FeatureLayout.of(skeleton)
    if features_BTD.ndim < 2 or features_BTD.shape[-1] != layout.width:
        wanted = f"(..., frames, {layout.width})"
        raise LampError(
            f"features of {skeleton.name} have the shape {wanted}, not {tuple(features_BTD.shape)}"
        )
    cosine_BT1, sine_BT1 = facing_of(yaw_velocity_of(features_BTD, layout))
    path_BT2 = path_of(features_BTD[..., layout["root_planar_velocity"]], cosine_BT1, sine_BT1)
    height_BT1 = features_BTD[..., layout["root_height"]]
    path_x_BT1, path_z_BT1 = path_BT2[..., :1], path_BT2[..., 1:]
    local_BTP = features_BTD[..., layout["positions"]]
    x_BTE, y_BTE, z_BTE = local_BTP.reshape(*local_BTP.shape[:-1], -1, 3).unbind(-1)
    turned_x_BTE, turned_z_BTE = _turn_back(x_BTE, z_BTE, cosine_BT1, sine_BT1)
    x_BTJ = torch.cat((path_x_BT1, path_x_BT1 + turned_x_BTE), dim=-1)
    y_BTJ = torch.cat((height_BT1, y_BTE), dim=-1)  # heights count from the floor, not from the root
    z_BTJ = torch.cat((path_z_BT1, path_z_BT1 + turned_z_BTE), dim=-1)
    return torch.stack((x_BTJ, y_BTJ, z_BTJ), dim=-1)


def facing_of(yaw_velocity_BT1: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the turn that makes each frame face +Z; velocities are of half angles."""
    yaw_BT1 = 2 * _from_start(yaw_velocity_BT1)
    return torch.cos(yaw_BT1), torch.sin(yaw_BT1)


def yaw_velocity_of(features_BTD: Tensor, layout: FeatureLayout) -> Tensor:
    """Half the turn from each frame to the next, without the flaw of the published encoding.

    Where a body passes half a turn from its first facing, the published arcsin stores the turn with the
    sign reversed (`lamp_core.features.facing.yaw_velocity`), and everything after it comes back turned by
    twice that. The velocities of the joints tell the same step a second time: where they agree with the
    reversed turn and contradict the stored one by several times as much, it is reversed. Generated features,
    whose parts never quite agree, keep what is stored unless the difference stands out of that noise.
    """
    stored_BT1 = features_BTD[..., layout["root_yaw_velocity"]]
    with torch.no_grad():
        sign_BT1 = torch.ones_like(stored_BT1)
        as_stored, reversed_ = (_disagreement(features_BTD, sign * stored_BT1, layout) for sign in (1, -1))
        is_flaw_BS = reversed_ < AGREES**2 * as_stored
        sign_BT1[..., :-1, 0] = torch.where(is_flaw_BS, -1.0, 1.0).to(stored_BT1)
    return stored_BT1 * sign_BT1


def _disagreement(features_BTD: Tensor, yaw_velocity_BT1: Tensor, layout: FeatureLayout) -> Tensor:
    """Squared distance, over all joints, of where the velocities put the next frame's joints and where they
    stand there if the body turned so; for each step but the last frame's, which leads nowhere."""
    local_BTP, steps_BTV = features_BTD[..., layout["positions"]], features_BTD[..., layout["velocities"]]
    x_BTJ, z_BTJ = (torch.nn.functional.pad(local_BTP[..., axis::3], (1, 0)) for axis in (0, 2))
    told_x_BSJ = (x_BTJ + steps_BTV[..., ::3])[..., :-1, :]
    told_z_BSJ = (z_BTJ + steps_BTV[..., 2::3])[..., :-1, :]
    next_x_BSJ, next_z_BSJ = seen_from_before(x_BTJ, z_BTJ, features_BTD, yaw_velocity_BT1, layout)
    return ((told_x_BSJ - next_x_BSJ).square() + (told_z_BSJ - next_z_BSJ).square()).sum(-1)


def seen_from_before(
    x_BTJ: Tensor, z_BTJ: Tensor, features_BTD: Tensor, yaw_velocity_BT1: Tensor, layout: FeatureLayout
) -> tuple[Tensor, Tensor]:
    """Places over the floor of joints in each frame but the first, as the frame before it sees them.

    Args:
        x_BTJ: places as each frame sees its own joints, from its root and its facing.
        z_BTJ: likewise.
        features_BTD: de-normalised; the root's way is read of them.
        yaw_velocity_BT1: half the turn from each frame to the next.
        layout: of the features.
    """
    planar_BS2 = features_BTD[..., :-1, layout["root_planar_velocity"]]
    turn_BS1 = 2 * yaw_velocity_BT1[..., :-1, :]
    return _turn_back(
        x_BTJ[..., 1:, :] + planar_BS2[..., :1],
        z_BTJ[..., 1:, :] + planar_BS2[..., 1:],
        torch.cos(turn_BS1),
        torch.sin(turn_BS1),
    )


def path_of(planar_velocity_BT2: Tensor, cosine_BT1: Tensor, sine_BT1: Tensor) -> Tensor:
    """Places of the root, x and z. The step from t to t+1 is seen from the facing at t+1."""
    x_BT1, z_BT1 = planar_velocity_BT2[..., :1], planar_velocity_BT2[..., 1:]
    arrival_cosine, arrival_sine = cosine_BT1[..., 1:, :], sine_BT1[..., 1:, :]
    steps = _turn_back(x_BT1[..., :-1, :], z_BT1[..., :-1, :], arrival_cosine, arrival_sine)
    start_B12 = torch.zeros_like(planar_velocity_BT2[..., :1, :])
    return torch.cat((start_B12, torch.cat(steps, dim=-1)), dim=-2).cumsum(dim=-2)


def _from_start(velocity_BT1: Tensor) -> Tensor:
    """Sum of the velocities before each frame, 0 at the first."""
    start_B11 = torch.zeros_like(velocity_BT1[..., :1, :])
    return torch.cat((start_B11, velocity_BT1[..., :-1, :]), dim=-2).cumsum(dim=-2)


def _turn_back(x: Tensor, z: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    """Undo the turn about Y that made a frame face +Z."""
    return x * cosine - z * sine, z * cosine + x * sine
