"""Errors of reconstructed motion, in millimetres.

Shapes: T frames, J joints, D feature numbers a frame, B clips in a batch.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.skeleton.skeleton import Skeleton

MILLIMETRES_PER_METRE = 1000.0
PELVIS = 0
BATCH_CLIPS = 64


def mpjpe(
    true: Sequence[np.ndarray],
    reconstructed: Sequence[np.ndarray],
    skeleton: Skeleton,
    batch_clips: int = BATCH_CLIPS,
) -> float:
    """Mean per-joint position error in millimetres: the mean over the joints of all frames of all clips.

    Args:
        true: de-normalised features (T, D), one array a clip.
        reconstructed: the same clips, of the same shapes.
        skeleton: says what the features mean and their unit.
        batch_clips: clips decoded at once.

    Raises:
        LampError: no frames, clips whose shapes differ, or a clip that is not finite.
    """
    total, frames = 0.0, 0
    for errors_T in frame_errors(true, reconstructed, skeleton, batch_clips):
        total, frames = total + float(errors_T.sum()), frames + len(errors_T)
    if not frames:
        raise LampError("MPJPE needs at least one frame, found none")
    return total / frames


def frame_errors(
    true: Sequence[np.ndarray],
    reconstructed: Sequence[np.ndarray],
    skeleton: Skeleton,
    batch_clips: int = BATCH_CLIPS,
) -> Iterator[np.ndarray]:
    """Yield for each clip the mean joint error of its frames (T,) in millimetres, pelvis on pelvis."""
    _check_pairs(true, reconstructed)
    scale = skeleton.metres_per_unit * MILLIMETRES_PER_METRE
    for start in range(0, len(true), batch_clips):
        part = slice(start, start + batch_clips)
        gap_BTJ3 = _pelvis_aligned(true[part], skeleton) - _pelvis_aligned(reconstructed[part], skeleton)
        errors_BT = gap_BTJ3.norm(dim=-1).mean(dim=-1) * scale
        for clip, errors_T in zip(true[part], errors_BT, strict=True):
            yield errors_T[: len(clip)].numpy()


def _check_pairs(true: Sequence[np.ndarray], reconstructed: Sequence[np.ndarray]) -> None:
    if len(true) != len(reconstructed):
        raise LampError(
            f"{len(true)} true and {len(reconstructed)} reconstructed clips; they have to be pairs"
        )
    for index, (first, second) in enumerate(zip(true, reconstructed, strict=True)):
        if first.shape != second.shape:
            raise LampError(f"clip {index} has shape {first.shape}, its reconstruction {second.shape}")
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            raise LampError(
                f"clip {index} of {len(true)} or its reconstruction is not finite; leave it out and count it"
            )


def _pelvis_aligned(clips: Sequence[np.ndarray], skeleton: Skeleton) -> torch.Tensor:
    """Joints (B, T, J, 3) of clips padded to the longest one, the pelvis of every frame at the origin.

    Heading and place add up over the frames before, so what stands behind a clip's end does not reach it.
    """
    tensors = [torch.as_tensor(np.asarray(clip, dtype=np.float32)) for clip in clips]
    joints_BTJ3 = decode(torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), skeleton).double()
    return joints_BTJ3 - joints_BTJ3[..., PELVIS : PELVIS + 1, :]
