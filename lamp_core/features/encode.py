"""Joint positions to features: the procedure of HumanML3D and KIT-ML (Guo et al. 2022), batched over clips.

What it does, in order: bones get the reference pose's lengths, the root's path is scaled by the ratio of leg
lengths; the lowest joint of the clip is put on the floor, the root's first place at x = z = 0; the first
frame faces +Z; then, frame by frame, everything is seen from a root that faces where the body does, smoothed
in time.

The published code turns each bone by a quaternion and turns it back. A bone's rotation is the shortest one
from its unrotated direction to its direction, so giving it another length needs no rotation at all: the new
joint is the new parent plus the length times the direction.

Shapes: T frames of a clip, J joints, E bones (J-1), N frames of all clips of a block one after the other, C
    clips, D feature
numbers a frame. Inside, coordinates stand before frames, so that each operation runs along memory.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.errors import LampError, RejectedClip
from lamp_core.features import facing
from lamp_core.features.facing import ClipFrames
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import bone_directions, bone_lengths, place_joints, ways_to_joints
from lamp_core.skeleton.rotations import six_numbers, swing_matrices, turn, turn_matrices
from lamp_core.skeleton.skeleton import Skeleton

Joints = NDArray[Any] | Tensor

BLOCK_FRAMES = 2048  # of clips encoded together; what one block needs fits the processor's cache
STANDSTILL_METRES = 1e-5  # a clip none of whose joints moves further has no motion


def encode(joints_TJ3: Joints, skeleton: Skeleton, reference_J3: Joints) -> Tensor:
    """Features of one clip; see `encode_batch`.

    Returns:
        features_TD: float32, one frame fewer than the clip.
    """
    return encode_batch([joints_TJ3], skeleton, reference_J3)[0]


def encode_batch(clips: Sequence[Joints], skeleton: Skeleton, reference_J3: Joints) -> list[Tensor]:
    """Features of clips of any lengths, computed together.

    Args:
        clips: joints (T, J, 3) of each clip, in the skeleton's unit, Y up, at the skeleton's rate.
        skeleton: whose joints they are.
        reference_J3: the pose whose bone lengths every clip is given.

    Returns:
        features (T-1, D) of each clip, float32, on the device of the clips; slices of one tensor (clone one
        to keep it without the others).

    Raises:
        RejectedClip: ``joint-count``, ``too-short`` (fewer than 2 frames), ``not-finite``, ``no-motion`` (of
            any joint) or ``no-legs`` (the first frame's leg has no length); the first faulty clip's.
        LampError: the reference is no finite pose of the skeleton.
    """
    for joints_TJ3 in clips:
        _check_shape(joints_TJ3, skeleton)
    ways_JE = ways_to_joints(_reference_lengths(reference_J3, skeleton), skeleton)
    if not clips:
        return []
    counts = [len(clip) for clip in clips]
    device = torch.as_tensor(clips[0]).device
    features_ND = _empty(sum(counts), skeleton.feature_count, device)
    done = 0
    for block in _blocks(clips):
        joints_NJ3 = torch.cat([torch.as_tensor(joints_TJ3).float() for joints_TJ3 in block])
        features_DN = _encode_block(joints_NJ3, [len(clip) for clip in block], skeleton, ways_JE.to(device))
        features_ND[done : done + len(joints_NJ3)] = features_DN.t()
        done += len(joints_NJ3)
    return [clip_TD[:-1] for clip_TD in torch.split(features_ND, counts)]


def _empty(rows: int, columns: int, device: torch.device) -> Tensor:
    """Room for numbers; numpy asks for large pages, which a CPU is faster to touch for the first time."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty((rows, columns), dtype=np.float32))
    return torch.empty(rows, columns, device=device)


def _check_shape(joints_TJ3: Joints, skeleton: Skeleton) -> None:
    shape = tuple(joints_TJ3.shape)
    if len(shape) != 3 or shape[1:] != (skeleton.joint_count, 3):
        wanted = f"(frames, {skeleton.joint_count}, 3)"
        raise RejectedClip("joint-count", f"joints have the shape {shape}; {skeleton.name} needs {wanted}")
    if len(joints_TJ3) < 2:
        raise RejectedClip("too-short", f"the clip has {len(joints_TJ3)} frames; features need at least 2")


def _check_values(joints_NJ3: Tensor, clips: ClipFrames, skeleton: Skeleton) -> None:
    """Refuse NaN, clips that stand still and legs without length, looking at all clips of a block at once."""
    if not bool(torch.isfinite(joints_NJ3.sum())):  # one pass; the second look names the frame
        for faulty in (~torch.isfinite(joints_NJ3)).flatten(1).any(1).nonzero().flatten().tolist():
            frame = faulty - int(clips.starts_C[clips.clip_N[faulty]])
            raise RejectedClip("not-finite", f"frame {frame} is the first with a NaN or infinite joint")
    standstill = STANDSTILL_METRES / skeleton.metres_per_unit
    first_CJ3 = joints_NJ3[clips.starts_C]
    last_CJ3 = joints_NJ3[clips.starts_C + clips.counts_C - 1]
    same_ends_C = ~((last_CJ3 - first_CJ3).abs() > standstill).flatten(1).any(1)
    for clip in same_ends_C.nonzero().flatten().tolist():  # seldom: a clip that ends as it began
        joints_TJ3 = joints_NJ3[clips.clip_N == clip]
        if not bool((joints_TJ3.amax(0) - joints_TJ3.amin(0) > standstill).any()):
            raise RejectedClip("no-motion", f"no joint moves in the {len(joints_TJ3)} frames of the clip")
    for joint in skeleton.leg:
        leg_bone_C3 = first_CJ3[:, joint] - first_CJ3[:, skeleton.parents[joint]]
        if bool((leg_bone_C3.norm(dim=-1) <= standstill).any()):
            raise RejectedClip(
                "no-legs", f"{skeleton.joints[joint]} stands on its parent joint in the first frame"
            )


def _reference_lengths(reference_J3: Joints, skeleton: Skeleton) -> Tensor:
    reference = torch.as_tensor(reference_J3).float()
    if tuple(reference.shape) != (skeleton.joint_count, 3) or not bool(torch.isfinite(reference).all()):
        wanted = f"({skeleton.joint_count}, 3)"
        raise LampError(
            f"the reference pose of {skeleton.name} must be finite and {wanted}, not {tuple(reference.shape)}"
        )
    return bone_lengths(reference, skeleton)


def _blocks(clips: Sequence[Joints]) -> Iterator[list[Joints]]:
    """Clips in order, as many together as make a block."""
    block: list[Joints] = []
    frames = 0
    for clip in clips:
        if block and frames + len(clip) > BLOCK_FRAMES:
            yield block
            block, frames = [], 0
        block.append(clip)
        frames += len(clip)
    if block:
        yield block


def _encode_block(joints_NJ3: Tensor, counts: list[int], skeleton: Skeleton, ways_JE: Tensor) -> Tensor:
    """Features (D, N) of the clips of a block; the last frame of each clip has no next one."""
    frames = len(joints_NJ3)
    clips = ClipFrames.of(counts, joints_NJ3.device)
    _check_values(joints_NJ3, clips, skeleton)
    joints_J3N = joints_NJ3.reshape(frames, -1).t().contiguous().view(-1, 3, frames)
    joints_J3N, directions_E3N = _retarget(joints_J3N, clips, skeleton, ways_JE)
    return _describe(joints_J3N, directions_E3N, clips, skeleton)


def _retarget(
    joints_J3N: Tensor, clips: ClipFrames, skeleton: Skeleton, ways_JE: Tensor
) -> tuple[Tensor, Tensor]:
    """Joints with the reference's bone lengths, on the floor, from the origin, facing +Z; and their bones."""
    directions_E3N, source_lengths_EN = bone_directions(joints_J3N, skeleton)
    upper, lower = (joint - 1 for joint in skeleton.leg)
    source_leg_N = source_lengths_EN[upper] + source_lengths_EN[lower]
    scale_C = _leg_length(ways_JE, skeleton) / source_leg_N[clips.starts_C]
    first_directions_E3C = directions_E3N[:, :, clips.starts_C]
    first_joints_J3C = place_joints(first_directions_E3C, ways_JE, torch.zeros_like(first_directions_E3C[0]))
    first_forward_2C = facing.unit_forward(facing.forward_of(facing.across_body(first_joints_J3C, skeleton)))
    cosine_N, sine_N = facing.cosine_and_sine(first_forward_2C.index_select(1, clips.clip_N))
    start_frame_N = clips.starts_C[clips.clip_N]
    root_3N = (joints_J3N[0] - joints_J3N[0].index_select(1, start_frame_N)) * scale_C[clips.clip_N]
    directions_E3N = turn(directions_E3N, cosine_N, sine_N)
    joints_J3N = place_joints(directions_E3N, ways_JE, turn(root_3N, cosine_N, sine_N))
    heights_JN = joints_J3N[:, 1]
    lowest_C = torch.full_like(scale_C, torch.inf).scatter_reduce(0, clips.clip_N, heights_JN.amin(0), "amin")
    heights_JN -= lowest_C[clips.clip_N]
    return joints_J3N, directions_E3N


def _leg_length(ways_JE: Tensor, skeleton: Skeleton) -> Tensor:
    """Length of the upper and the lower leg of the reference: the last two bones on the way to the ankle."""
    _, ankle = skeleton.leg
    return ways_JE[ankle, [joint - 1 for joint in skeleton.leg]].sum()


def _describe(joints_J3N: Tensor, directions_E3N: Tensor, clips: ClipFrames, skeleton: Skeleton) -> Tensor:
    """The numbers of every frame, (D, N); the velocities of the last frame of a clip mean nothing."""
    layout = FeatureLayout.of(skeleton)
    bones, _, frames = directions_E3N.shape
    features_DN = joints_J3N.new_empty(layout.width, frames)
    cosine_N, sine_N = _root_facing(joints_J3N, clips, skeleton)
    steps_J3M = joints_J3N[:, :, 1:] - joints_J3N[:, :, :-1]  # M = N - 1
    features_MD = features_DN[:, :-1]
    features_MD[layout["root_yaw_velocity"]] = facing.yaw_velocity(facing.half_yaw(cosine_N, sine_N))
    features_MD[layout["root_planar_velocity"]] = turn(steps_J3M[0], cosine_N[1:], sine_N[1:])[::2]
    features_DN[layout["root_height"]] = joints_J3N[0, 1]
    local_E3N = joints_J3N[1:].clone()
    local_E3N[:, ::2] -= joints_J3N[0, ::2]
    turn(local_E3N, cosine_N, sine_N, out=features_DN[layout["positions"]].view(bones, 3, frames))
    turned_J33N = joints_J3N.new_empty(
        skeleton.joint_count, 3, 3, frames
    )  # world rotations, the root's first
    turned_J33N[0] = turn_matrices(cosine_N, sine_N)
    unrotated_E3 = torch.from_numpy(skeleton.directions_J3[1:]).to(directions_E3N)
    swing_matrices(unrotated_E3, directions_E3N, out=turned_J33N[1:])
    chain_parents_E = torch.tensor(skeleton.chain_parents[1:], device=joints_J3N.device)
    rotations_E6N = features_DN[layout["rotations"]].view(bones, 6, frames)
    six_numbers(turned_J33N.index_select(0, chain_parents_E), turned_J33N[1:], out=rotations_E6N)
    velocities_J3N = features_DN[layout["velocities"]].view(-1, 3, frames)
    turn(steps_J3M, cosine_N[:-1], sine_N[:-1], out=velocities_J3N[:, :, :-1])
    speeds_4M = steps_J3M[list(skeleton.feet)].square().sum(1)
    features_MD[layout["contacts"]] = (speeds_4M < skeleton.contact_threshold).float()
    return features_DN


def _root_facing(joints_J3N: Tensor, clips: ClipFrames, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the turn that makes each frame face +Z; the first frame of a clip is not turned.

    The published code sets the first frame's rotation to the identity after the smoothing, so that the first
    yaw velocity holds the difference between the smoothed and the true facing.
    """
    across_3N = facing.across_shoulders_less_hips(joints_J3N, skeleton)
    forward_2N = facing.unit_forward(facing.smooth(facing.forward_of(across_3N), clips))
    cosine_N, sine_N = facing.cosine_and_sine(forward_2N)
    cosine_N, sine_N = cosine_N.clone(), sine_N.clone()
    cosine_N[clips.starts_C], sine_N[clips.starts_C] = 1.0, 0.0
    return cosine_N, sine_N
