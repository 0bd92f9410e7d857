"""The motion encoder: a transformer over joint-by-time patches (CMMM, phase 2).

The papers say that it captures space and time; this one looks in turn over the joints of a time and over the
times of a joint (*switch* ``attention``), with padding masked. Every joint has a projection of its own, since
the same place of a patch means another thing at the root than at a foot.

Shapes: B batch, T frames, D feature numbers a frame, N times, J joints, H width, X positions of the head.
"""

import torch
from torch import Tensor, nn

from lamp_core.config.base import Section
from lamp_core.config.lexical import LexicalMotion
from lamp_core.lexical.layers import EPSILON, Block, seen_by_all, start_at_random
from lamp_core.lexical.patches import JointPatches
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


class MotionShape(Section):
    """Everything that decides the parameters of a motion encoder; stored beside its weights."""

    skeleton: str
    layers: int
    hidden_dim: int
    heads: int
    feed_forward_dim: int
    dropout: float
    attention: str
    patch_frames: int
    max_frames: int
    head_positions: str

    @classmethod
    def of(cls, settings: LexicalMotion, skeleton: Skeleton) -> "MotionShape":
        """The shape that section ``lexical_motion`` asks for."""
        return cls(
            skeleton=skeleton.name,
            layers=settings.layers,
            hidden_dim=settings.hidden_dim,
            heads=settings.heads,
            feed_forward_dim=settings.feed_forward_dim,
            dropout=settings.dropout,
            attention=settings.attention,
            patch_frames=settings.patch_frames,
            max_frames=settings.max_frames,
            head_positions=settings.head_positions,
        )

    @property
    def times(self) -> int:
        """Times of the longest motion."""
        return -(-self.max_frames // self.patch_frames)


class MotionEncoder(nn.Module):
    """States of joint-by-time patches.

    Args:
        shape: its sizes.
    """

    def __init__(self, shape: MotionShape) -> None:
        super().__init__()
        self.shape = shape
        self.patches = JointPatches(load_skeleton(shape.skeleton), shape.patch_frames)
        joints, width = self.patches.joints, shape.hidden_dim
        self.embedding_JCH = nn.Parameter(torch.empty(joints, self.patches.width, width))
        self.joint_JH = nn.Parameter(torch.empty(joints, width))
        self.time_NH = nn.Parameter(torch.empty(shape.times, width))
        self.masked_H = nn.Parameter(torch.empty(width))
        self.blocks = nn.ModuleList(
            Block(width, shape.heads, shape.feed_forward_dim, shape.dropout, norm_first=True)
            for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        start_at_random(self)
        for parameter in (self.embedding_JCH, self.joint_JH, self.time_NH, self.masked_H):
            nn.init.normal_(parameter, std=0.02)

    def forward(
        self, features_BTD: Tensor, mask_BT: Tensor, hidden_BNJ: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """States (B, N, J, H) of the patches, and the mask of the times (B, N).

        Args:
            features_BTD: normalised; what stands behind the true length is not looked at.
            mask_BT: false behind the true length.
            hidden_BNJ: true where a patch is not seen.
        """
        patches, mask_BN = self.patches(features_BTD, mask_BT)
        states = torch.einsum("bnjc,jch->bnjh", patches, self.embedding_JCH)
        if hidden_BNJ is not None:
            states = torch.where(hidden_BNJ[..., None], self.masked_H, states)
        states = states + self.joint_JH + self.time_NH[: states.shape[1], None]
        for layer, block in enumerate(self.blocks):
            states = self._through(block, layer, states, mask_BN)
        return self.norm(states), mask_BN

    def _through(self, block: nn.Module, layer: int, states: Tensor, mask_BN: Tensor) -> Tensor:
        batch, times, joints, width = states.shape
        if self.shape.attention == "joint":
            mask_BX = mask_BN.repeat_interleave(joints, dim=1)
            made: Tensor = block(states.flatten(1, 2), seen_by_all(mask_BX))
            return made.view(states.shape)
        if layer % 2 == 0:
            all_seen = torch.ones(1, 1, 1, dtype=torch.bool, device=states.device)
            made = block(states.flatten(0, 1), all_seen)
            return made.view(states.shape)
        over_time = states.transpose(1, 2).reshape(batch * joints, times, width)
        mask_RN = mask_BN.repeat_interleave(joints, dim=0)
        made = block(over_time, seen_by_all(mask_RN))
        return made.view(batch, joints, times, width).transpose(1, 2)

    def positions(self, states_BNJH: Tensor, mask_BN: Tensor) -> tuple[Tensor, Tensor]:
        """What the lexical head reads (B, X, H), and its mask (B, X): see `LexicalMotion.head_positions`."""
        if self.shape.head_positions == "times":
            return states_BNJH.mean(dim=2), mask_BN
        return states_BNJH.flatten(1, 2), mask_BN.repeat_interleave(states_BNJH.shape[2], dim=1)


def mean_state(states_BXH: Tensor, mask_BX: Tensor) -> Tensor:
    """The mean (B, H) of the states that are not padding."""
    weights_BX1 = mask_BX[..., None].to(states_BXH.dtype)
    return (states_BXH * weights_BX1).sum(dim=1) / weights_BX1.sum(dim=1)
