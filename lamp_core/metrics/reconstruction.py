"""Errors of reconstructed motion: of joints in millimetres, of where the body faces and goes.

Shapes: T frames, J joints, D feature numbers a frame, B clips in a batch, P poses.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.features.decode import decode, facing_of, yaw_velocity_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton

MILLIMETRES_PER_METRE = 1000.0
MILLIMETRES_PER_CENTIMETRE = 10.0
PELVIS = 0
FLOOR = [0, 2]
BATCH_CLIPS = 64

Features = Sequence[np.ndarray]
FrameErrors = Callable[[Tensor, Tensor], Tensor]
"""True and reconstructed joints (B, T, J, 3) to an error a frame, (B, T) or fewer frames."""


def mpjpe(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int = BATCH_CLIPS
) -> float:
    """Mean per-joint position error in millimetres: the mean over the joints of all frames of all clips.

    The pelvis of every frame is put on the true one's before.

    Args:
        true: de-normalised features (T, D), one array a clip.
        reconstructed: the same clips, of the same shapes.
        skeleton: says what the features mean and their unit.
        batch_clips: clips decoded at once.

    Raises:
        LampError: no frames, clips whose shapes differ, or a clip that is not finite.
    """
    return _mean("MPJPE", frame_errors(true, reconstructed, skeleton, batch_clips))


def part_roots(skeleton: Skeleton) -> dict[str, dict[int, int]]:
    """The joints of body, hands and fingers, and the joint that each is measured from; none without hands.

    Body and hands are measured pelvis on pelvis, fingers wrist on wrist: how the hand is shaped, wherever the
    arm has put it.
    """
    if not skeleton.fingers:
        return {}
    body = [joint for joint in range(skeleton.joint_count) if joint not in skeleton.fingers]
    return {
        "body": dict.fromkeys(body, PELVIS),
        "hands": dict.fromkeys(skeleton.fingers, PELVIS),
        "fingers": skeleton.fingers,
    }


def part_mpjpe(
    true: Features,
    reconstructed: Features,
    skeleton: Skeleton,
    root_of: Mapping[int, int],
    batch_clips: int = BATCH_CLIPS,
) -> float:
    """MPJPE of some joints, each measured from another: of the hands from the pelvis, or from their wrists.

    Args:
        true: see `mpjpe`.
        reconstructed: see `mpjpe`.
        skeleton: see `mpjpe`.
        root_of: the joints, and for each the one that is put on the true one before.
        batch_clips: see `mpjpe`.

    Raises:
        LampError: as `mpjpe`.
    """
    joints, roots = list(root_of), list(root_of.values())

    def part_errors(true_BTJ3: Tensor, made_BTJ3: Tensor) -> Tensor:
        gap_BTJ3 = true_BTJ3 - made_BTJ3
        of_part_BTK3 = gap_BTJ3[..., joints, :] - gap_BTJ3[..., roots, :]
        errors_BT: Tensor = of_part_BTK3.norm(dim=-1).mean(dim=-1)
        return errors_BT

    return _mean("MPJPE", _errors(true, reconstructed, skeleton, batch_clips, part_errors))


def pa_mpjpe(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int = BATCH_CLIPS
) -> float:
    """MPJPE in millimetres after the best rotation, scale and shift of every single pose (`procrustes`).

    It sees the pose alone, neither its facing nor its size. Arguments and errors are those of `mpjpe`.
    """
    errors = _errors(true, reconstructed, skeleton, batch_clips, _procrustes_errors)
    return _mean("PA-MPJPE", errors)


def acceleration_error(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int = BATCH_CLIPS
) -> float:
    """Mean distance of true and reconstructed joint accelerations, in millimetres a squared frame.

    An acceleration is the second difference x[t-1] - 2 x[t] + x[t+1] of the joints in the world (Kocabas et
    al. 2020, VIBE, and MotionGPT's code). It is not divided by the squared time of a frame: numbers of
    20 and 12.5 frames a second do not compare. Arguments are those of `mpjpe`.

    Raises:
        LampError: as `mpjpe`, or no clip has three frames.
    """
    errors = _errors(true, reconstructed, skeleton, batch_clips, _acceleration_errors)
    return _mean("the acceleration error", errors, "three consecutive frames")


def heading_error(true: Features, reconstructed: Features, skeleton: Skeleton) -> float:
    """Mean angle between the true and the reconstructed heading, degrees, over all frames of all clips.

    Both start with the same heading; each is the sum of the turns before it. Arguments and errors are those
    of `mpjpe`.
    """
    _check_pairs(true, reconstructed)
    layout = FeatureLayout.of(skeleton)

    def errors(true_TD: np.ndarray, made_TD: np.ndarray) -> np.ndarray:
        (cosine_T1, sine_T1), (made_cosine_T1, made_sine_T1) = (
            facing_of(yaw_velocity_of(torch.as_tensor(features_TD), layout))
            for features_TD in (true_TD, made_TD)
        )
        along_T1 = cosine_T1 * made_cosine_T1 + sine_T1 * made_sine_T1
        across_T1 = sine_T1 * made_cosine_T1 - cosine_T1 * made_sine_T1
        degrees_T: np.ndarray = torch.atan2(across_T1, along_T1).abs().rad2deg().squeeze(-1).numpy()
        return degrees_T

    return _mean("the heading error", (errors(*pair) for pair in zip(true, reconstructed, strict=True)))


def path_error(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int = BATCH_CLIPS
) -> float:
    """Mean distance over the floor of the true and the reconstructed pelvis, in centimetres.

    Both start at the same place with the same heading. Arguments and errors are those of `mpjpe`.
    """
    errors = _errors(true, reconstructed, skeleton, batch_clips, _path_errors)
    return _mean("the path error", errors) / MILLIMETRES_PER_CENTIMETRE


def frame_errors(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int = BATCH_CLIPS
) -> Iterator[np.ndarray]:
    """Yield for each clip the mean joint error of its frames (T,) in millimetres, pelvis on pelvis."""
    return _errors(true, reconstructed, skeleton, batch_clips, _pelvis_errors)


def procrustes(poses_PJ3: Tensor, targets_PJ3: Tensor) -> Tensor:
    """Return each pose turned, scaled and shifted to have the least squared distance to its target.

    By the singular values of the covariance of both (Umeyama 1991). The turn is a rotation: a reflection is
    excluded by turning the sign of the least singular direction. A pose whose joints all lie in one point
    keeps its size and is shifted only.
    """
    centre_P13, target_centre_P13 = poses_PJ3.mean(1, keepdim=True), targets_PJ3.mean(1, keepdim=True)
    centred_PJ3, target_PJ3 = poses_PJ3 - centre_P13, targets_PJ3 - target_centre_P13
    left_P33, singular_P3, right_P33 = torch.linalg.svd(centred_PJ3.mT @ target_PJ3)
    signs_P3 = torch.ones_like(singular_P3)
    signs_P3[:, 2] = torch.sign(torch.linalg.det(left_P33) * torch.linalg.det(right_P33))
    turned_PJ3 = centred_PJ3 @ (left_P33 * signs_P3[:, None, :] @ right_P33)
    size_P = centred_PJ3.square().sum(dim=(1, 2))
    one_point_P = size_P <= torch.finfo(size_P.dtype).tiny
    scale_P = torch.where(one_point_P, 1.0, (singular_P3 * signs_P3).sum(1) / size_P.where(~one_point_P, 1.0))
    aligned_PJ3: Tensor = scale_P[:, None, None] * turned_PJ3 + target_centre_P13
    return aligned_PJ3


def _errors(
    true: Features, reconstructed: Features, skeleton: Skeleton, batch_clips: int, measure: FrameErrors
) -> Iterator[np.ndarray]:
    """Yield for each clip the errors of its frames in millimetres, padding cut off."""
    _check_pairs(true, reconstructed)
    scale = skeleton.metres_per_unit * MILLIMETRES_PER_METRE
    for start in range(0, len(true), batch_clips):
        part = slice(start, start + batch_clips)
        joints_BTJ3, made_BTJ3 = _joints(true[part], skeleton), _joints(reconstructed[part], skeleton)
        errors_BT = measure(joints_BTJ3, made_BTJ3) * scale
        lost_frames = joints_BTJ3.shape[1] - errors_BT.shape[1]
        for clip, errors_T in zip(true[part], errors_BT, strict=True):
            yield errors_T[: max(0, len(clip) - lost_frames)].numpy()


def _pelvis_errors(true_BTJ3: Tensor, made_BTJ3: Tensor) -> Tensor:
    gap_BTJ3 = true_BTJ3 - made_BTJ3
    errors_BT: Tensor = (gap_BTJ3 - gap_BTJ3[..., PELVIS : PELVIS + 1, :]).norm(dim=-1).mean(dim=-1)
    return errors_BT


def _path_errors(true_BTJ3: Tensor, made_BTJ3: Tensor) -> Tensor:
    errors_BT: Tensor = (true_BTJ3 - made_BTJ3)[..., PELVIS, FLOOR].norm(dim=-1)
    return errors_BT


def _procrustes_errors(true_BTJ3: Tensor, made_BTJ3: Tensor) -> Tensor:
    aligned_PJ3 = procrustes(made_BTJ3.flatten(0, 1), true_BTJ3.flatten(0, 1))
    errors_BT: Tensor = (aligned_PJ3.view_as(made_BTJ3) - true_BTJ3).norm(dim=-1).mean(dim=-1)
    return errors_BT


def _acceleration_errors(true_BTJ3: Tensor, made_BTJ3: Tensor) -> Tensor:
    errors_BT: Tensor = (true_BTJ3 - made_BTJ3).diff(n=2, dim=1).norm(dim=-1).mean(dim=-1)
    return errors_BT


def _mean(name: str, errors: Iterator[np.ndarray], needed: str = "one frame") -> float:
    total, frames = 0.0, 0
    for errors_T in errors:
        total, frames = total + float(errors_T.sum()), frames + len(errors_T)
    if not frames:
        raise LampError(f"{name} needs at least {needed}, found none")
    return total / frames


def _check_pairs(true: Features, reconstructed: Features) -> None:
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


def _joints(clips: Features, skeleton: Skeleton) -> Tensor:
    """Joints (B, T, J, 3) of clips padded to the longest one.

    Heading and place add up over the frames before, so what stands behind a clip's end does not reach it.
    """
    tensors = [torch.as_tensor(np.asarray(clip, dtype=np.float32)) for clip in clips]
    return decode(torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), skeleton).double()
