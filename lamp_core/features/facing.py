"""Where the body faces: forward directions, their smoothing within clips, and the yaw of the root.

Shapes: N frames of all clips one after the other, C clips.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from lamp_core.skeleton.skeleton import Skeleton

SMOOTHING_SIGMA = 20  # frames, of the published procedure
SMOOTHING_RADIUS = 80  # frames: four times sigma
SMOOTHING_BLOCK = 128  # outputs of one row of the banded product
SHORTEST_FORWARD = 1e-9


@dataclass(frozen=True)
class ClipFrames:
    """Which frames belong to which clip.

    Args:
        starts_C: first frame of each clip.
        counts_C: frames of each clip.
        clip_N: clip of each frame.
    """

    starts_C: Tensor
    counts_C: Tensor
    clip_N: Tensor

    @staticmethod
    def of(counts: list[int], device: torch.device) -> "ClipFrames":
        """Clips of these frame counts, one after the other."""
        counts_C = torch.tensor(counts, device=device)
        clip_N = torch.repeat_interleave(torch.arange(len(counts), device=device), counts_C)
        return ClipFrames(counts_C.cumsum(0) - counts_C, counts_C, clip_N)


def across_body(joints_J3N: Tensor, skeleton: Skeleton) -> Tensor:
    """From left to right, hips and shoulders added, (3, N)."""
    right_hip, left_hip, right_shoulder, left_shoulder = skeleton.face
    hips_3N = joints_J3N[right_hip] - joints_J3N[left_hip]
    return hips_3N + joints_J3N[right_shoulder] - joints_J3N[left_shoulder]


def across_shoulders_less_hips(joints_J3N: Tensor, skeleton: Skeleton) -> Tensor:
    """From left to right, the shoulders' width less the hips', (3, N).

    The published inverse kinematics swaps the two hips' names, so that they count with the wrong sign. All
    published features and statistics share this, and so do ours.
    """
    right_hip, left_hip, right_shoulder, left_shoulder = skeleton.face
    hips_3N = joints_J3N[left_hip] - joints_J3N[right_hip]
    return hips_3N + joints_J3N[right_shoulder] - joints_J3N[left_shoulder]


def forward_of(across_3N: Tensor) -> Tensor:
    """Level direction at a right angle to the body's width, (2, N): x and z.

    It is shorter than 1 when the width is not level. A width without length counts as facing +Z.
    """
    x_N, y_N, z_N = across_3N
    length_N = (x_N * x_N).addcmul_(y_N, y_N).addcmul_(z_N, z_N).sqrt_().clamp_(min=SHORTEST_FORWARD)
    return torch.stack((z_N, -x_N)).div_(length_N)


def unit_forward(forward_2N: Tensor) -> Tensor:
    """Directions of length 1; +Z where there is none."""
    x_N, z_N = forward_2N
    length_N = torch.hypot(x_N, z_N)
    ahead_21 = forward_2N.new_tensor([[0.0], [1.0]])
    return torch.where(length_N > SHORTEST_FORWARD, forward_2N / length_N, ahead_21)


def cosine_and_sine(forward_2N: Tensor) -> tuple[Tensor, Tensor]:
    """Of the angle about Y that turns these unit directions to +Z."""
    x_N, z_N = forward_2N
    return z_N, -x_N


def half_yaw(cosine_N: Tensor, sine_N: Tensor) -> Tensor:
    """Half of the angle about Y, in -pi/2 .. pi/2.

    This is where the published procedure breaks down: its quaternion between forward f and +Z is (1 + fz, 0,
    -fx, 0) made a unit, which is 0/0 for a body that faces exactly -Z, and one such frame makes the whole
    clip NaN through the floor height. (BN2_walk_exhausted_004 does in its 34th frame, in single precision.)
    Retargeting needs no facing at all here, and the half angle by atan2 is finite for every direction.
    """
    return 0.5 * torch.atan2(sine_N, cosine_N)


def yaw_velocity(half_yaw_N: Tensor) -> Tensor:
    """Half the turn from each frame to the next, (N-1,), as the published arcsin has it.

    Where the yaw passes half a turn the half angle jumps by nearly pi, and arcsin folds it back with the sign
    reversed. Published features have this flaw, so ours do too; `decode` puts it right.
    """
    return torch.asin(torch.sin(half_yaw_N[1:] - half_yaw_N[:-1]))


def smooth(signal_2N: Tensor, clips: ClipFrames) -> Tensor:
    """Gaussian smoothing along the frames of each clip, the first and last value of a clip repeated beyond
    its ends.

    All clips lie on one axis, padded by the radius at either end of each; a product with one banded matrix
    smooths it.
    """
    padding = 2 * SMOOTHING_RADIUS
    padded_counts_C = clips.counts_C + padding
    padded_clip_M = torch.repeat_interleave(padded_counts_C)
    padded_starts_C = padded_counts_C.cumsum(0) - padded_counts_C
    frame_M = torch.arange(len(padded_clip_M), device=signal_2N.device) - SMOOTHING_RADIUS
    frame_M = frame_M - padded_starts_C[padded_clip_M]
    frame_M = torch.minimum(frame_M.clamp_(min=0), (clips.counts_C - 1)[padded_clip_M])
    padded_2M = signal_2N.index_select(1, frame_M + clips.starts_C[padded_clip_M])
    tail = -(padded_2M.shape[1] - padding) % SMOOTHING_BLOCK
    padded_2M = torch.nn.functional.pad(padded_2M, (0, tail))
    rows = padded_2M.unfold(1, SMOOTHING_BLOCK + padding, SMOOTHING_BLOCK)
    smoothed_2M = (rows @ _band_matrix().to(signal_2N)).flatten(1)
    frame_N = torch.arange(signal_2N.shape[1], device=signal_2N.device)
    return smoothed_2M.index_select(1, frame_N + padding * clips.clip_N)


@cache
def _band_matrix() -> Tensor:
    """Gaussian weights: column i smooths the values i .. i + 2 * radius of a row."""
    offsets = range(-SMOOTHING_RADIUS, SMOOTHING_RADIUS + 1)
    weights = torch.tensor(
        [math.exp(-0.5 * (k / SMOOTHING_SIGMA) ** 2) for k in offsets], dtype=torch.float64
    )
    weights = (weights / weights.sum()).float()
    band = torch.zeros(SMOOTHING_BLOCK + 2 * SMOOTHING_RADIUS, SMOOTHING_BLOCK)
    for column in range(SMOOTHING_BLOCK):
        band[column : column + len(weights), column] = weights
    return band
