"""Features of a motion as joint-by-time patches: each joint's numbers of a few frames.

Shapes: B batch, T frames, D feature numbers a frame, N times, P frames a patch, J joints, C numbers a joint
and frame.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton

POSITION, ROTATION = 3, 6


def joint_columns(skeleton: Skeleton) -> list[list[int]]:
    """Which numbers of a frame belong to each joint: J lists of columns.

    The root has its velocities and height, every other joint its position and rotation, every joint its
    velocity, and the joints of the feet their contacts.
    """
    layout = FeatureLayout.of(skeleton)
    columns = []
    for joint in range(skeleton.joint_count):
        own = list(range(*layout["root"].indices(layout.width))) if joint == 0 else []
        if joint:
            own += _block(layout["positions"].start, joint - 1, POSITION)
            own += _block(layout["rotations"].start, joint - 1, ROTATION)
        own += _block(layout["velocities"].start, joint, POSITION)
        own += [layout["contacts"].start + place for place, foot in enumerate(skeleton.feet) if foot == joint]
        columns.append(own)
    return columns


def _block(start: int, place: int, width: int) -> list[int]:
    return list(range(start + place * width, start + (place + 1) * width))


class JointPatches(nn.Module):
    """Regroups features by joint and time.

    Args:
        skeleton: of the features.
        frames: of a patch, P.
    """

    columns_F: Tensor
    holds_JC: Tensor

    def __init__(self, skeleton: Skeleton, frames: int) -> None:
        super().__init__()
        columns = joint_columns(skeleton)
        self.frames, self.joints = frames, len(columns)
        self.numbers = max(map(len, columns))
        nothing = skeleton.feature_count  # the place of a zero that is put behind every frame
        padded = [own + [nothing] * (self.numbers - len(own)) for own in columns]
        table_JC = torch.tensor(padded)
        self.register_buffer("columns_F", table_JC.flatten(), persistent=False)
        self.register_buffer("holds_JC", table_JC != nothing, persistent=False)

    @property
    def width(self) -> int:
        """Numbers a patch, P C."""
        return self.frames * self.numbers

    def forward(self, features_BTD: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, N, J, P C), zero behind the true length, and the mask of the times (B, N)."""
        batch, length = mask_BT.shape
        missing = -length % self.frames
        mask_BT = F.pad(mask_BT, (0, missing))
        features_BTD = F.pad(features_BTD, (0, 1, 0, missing)) * mask_BT[..., None]
        shape = (batch, -1, self.frames, self.joints, self.numbers)
        patches = features_BTD[..., self.columns_F].view(shape).transpose(2, 3).flatten(3)
        return patches, mask_BT.view(batch, -1, self.frames).any(dim=-1)

    def known(self, mask_BT: Tensor) -> Tensor:
        """Which numbers (B, N, J, P C) of the patches are of the motion: of its frames, and of the joint."""
        mask_BT = F.pad(mask_BT, (0, -mask_BT.shape[1] % self.frames))
        mask_BNP = mask_BT.view(len(mask_BT), -1, self.frames)
        return (mask_BNP[:, :, None, :, None] & self.holds_JC[:, None, :]).flatten(3)
