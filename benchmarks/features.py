"""How fast joints become features on one thread: ``python -m benchmarks.features``.

Beside it stands a plain numpy implementation of the same procedure, clip by clip with quaternions, as the
public scripts do it; the tests use it as an independent check. Shapes: T frames, J joints, D feature numbers
a frame.
"""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lamp_core.features.encode import encode_batch
from lamp_core.features.mirror import mirror_features
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

Array = NDArray[Any]

FRAMES = 200_000
NAIVE_CLIPS = 12
REPEATS = 5
COPY_BYTES = 2**28
UP = np.array([0.0, 1.0, 0.0])
AHEAD = np.array([0.0, 0.0, 1.0])


def measure(frames: int = FRAMES, repeats: int = REPEATS) -> dict[str, float]:
    """Frames a second of 263 features on one thread, of ours and of the plain code, and the memory's limit.

    ``frames_per_second`` is the best of the repeats in processor seconds, so that other work on the machine
    does not count; ``wall_frames_per_second`` the best by the clock; ``first_frames_per_second`` the first
    call of all, which has to be given the memory for its result by the system. The limit counts each byte of
    the input and of the result once, at the rate at which this machine copies memory. Mirror images follow
    from the features: ``mirrored_share_of_extraction`` is their time over that of the extraction.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(frames, repeats)
    finally:
        torch.set_num_threads(threads)


def _measure(frames: int, repeats: int) -> dict[str, float]:
    skeleton = load_skeleton("smpl22")
    clips = moving_clips(skeleton, frames, seed=0)
    count = sum(map(len, clips))
    reference_J3 = canonical_reference(skeleton)
    first = _seconds(lambda: encode_batch(clips, skeleton, reference_J3))
    best = min(_seconds(lambda: encode_batch(clips, skeleton, reference_J3)) for _ in range(repeats))
    wall = min(
        _seconds(lambda: encode_batch(clips, skeleton, reference_J3), time.perf_counter)
        for _ in range(repeats)
    )
    few = clips[:NAIVE_CLIPS]
    naive = _seconds(lambda: [naive_encode(clip, skeleton, reference_J3) for clip in few])
    naive_rate = sum(map(len, few)) / naive
    mirrored = _mirror_seconds(clips, skeleton, reference_J3, repeats)
    bytes_a_frame = 4 * (3 * skeleton.joint_count + skeleton.feature_count)
    limit = 2 * _copied_bytes_per_second() / bytes_a_frame  # a copy moves every byte twice
    return {
        "frames": count,
        "clips": len(clips),
        "frames_per_second": count / best,
        "wall_frames_per_second": count / wall,
        "first_frames_per_second": count / first,
        "naive_frames_per_second": naive_rate,
        "times_naive": count / best / naive_rate,
        "bytes_per_frame": bytes_a_frame,
        "limit_frames_per_second": limit,
        "share_of_limit": count / best / limit,
        "mirrored_frames_per_second": count / mirrored,
        "mirrored_share_of_extraction": mirrored / best,
    }


def _mirror_seconds(clips: list[Array], skeleton: Skeleton, reference_J3: Array, repeats: int) -> float:
    """Seconds for the mirror images of all clips, made from features that are there."""
    features = [encoded_TD.numpy() for encoded_TD in encode_batch(clips, skeleton, reference_J3)]
    return min(
        _seconds(lambda: [mirror_features(features_TD, skeleton) for features_TD in features])
        for _ in range(repeats)
    )


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    work()
    return clock() - start


def _copied_bytes_per_second() -> float:
    source, target = np.ones(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)
    return COPY_BYTES / min(_seconds(lambda: np.copyto(target, source)) for _ in range(3))


def moving_clips(skeleton: Skeleton, frames: int, seed: int) -> list[Array]:
    """Clips of 40 to 200 frames of a body that walks a bent path and moves all its joints, float32."""
    generator = np.random.default_rng(seed)
    clips: list[Array] = []
    while sum(map(len, clips)) < frames:
        clips.append(moving_clip(skeleton, int(generator.integers(40, 201)), generator))
    return clips


def moving_clip(skeleton: Skeleton, frames: int, generator: np.random.Generator) -> Array:
    """One clip (T, J, 3) of a body of its own size: every bone sways about its place in the rest pose."""
    rest_J3 = canonical_reference(skeleton).astype(np.float64) * generator.uniform(0.8, 1.2)
    time_T = np.arange(frames) / skeleton.frames_per_second
    yaw_T = generator.uniform(-np.pi, np.pi) + generator.uniform(-0.4, 0.4) * time_T
    facing_T3 = np.stack((np.sin(yaw_T), 0 * yaw_T, np.cos(yaw_T)), axis=-1)
    side_T3 = np.stack((np.cos(yaw_T), 0 * yaw_T, -np.sin(yaw_T)), axis=-1)
    joints_TJ3 = np.zeros((frames, skeleton.joint_count, 3))
    height = rest_J3[0, 1]
    step_T3 = facing_T3 * height / skeleton.frames_per_second
    joints_TJ3[:, 0] = np.cumsum(step_T3, axis=0) + UP * (height * (1 + 0.03 * np.sin(9 * time_T))[:, None])
    for child, parent in skeleton.bones:
        bone_3 = rest_J3[child] - rest_J3[parent]
        sway_3T = 0.3 * np.sin(
            generator.uniform(2, 8, 3)[:, None] * time_T + generator.uniform(0, 6, 3)[:, None]
        )
        local_3T = bone_3[:, None] + sway_3T * np.linalg.norm(bone_3)
        bone_T3 = (
            local_3T[0][:, None] * side_T3 + local_3T[1][:, None] * UP + local_3T[2][:, None] * facing_T3
        )
        bone_T3 *= np.linalg.norm(bone_3) / np.linalg.norm(bone_T3, axis=-1, keepdims=True)
        joints_TJ3[:, child] = joints_TJ3[:, parent] + bone_T3
    return joints_TJ3.astype(np.float32)


def naive_encode(joints_TJ3: Array, skeleton: Skeleton, reference_J3: Array) -> Array:
    """Features (T-1, D) of one clip in double precision, by the published steps with quaternions (wxyz)."""
    joints = _naive_retarget(joints_TJ3.astype(np.float64), skeleton, reference_J3.astype(np.float64))
    joints[..., 1] -= joints[..., 1].min()
    first = joints[0].copy()
    joints -= first[0] * (1 - UP)
    right_hip, left_hip, right_shoulder, left_shoulder = skeleton.face
    across = first[right_hip] - first[left_hip] + first[right_shoulder] - first[left_shoulder]
    joints = _rotate(_between(_unit(np.cross(UP, across)), AHEAD), joints)
    quaternions = _inverse_kinematics(joints, skeleton, smooth=True)
    root = quaternions[:, :1]
    columns = [_rotate(quaternions[:, 1:], np.eye(3)[axis]) for axis in (0, 1)]
    turns = _product(root[1:, 0], _inverse(root[:-1, 0]))
    steps = joints[1:] - joints[:-1]
    local = _rotate(root, joints - joints[:, :1] * (1 - UP))
    contacts = np.square(steps[:, list(skeleton.feet)]).sum(-1) < skeleton.contact_threshold
    blocks = (
        np.arcsin(turns[:, 2:3]),
        _rotate(root[1:, 0], steps[:, 0])[:, [0, 2]],
        joints[:-1, 0, 1:2],
        local[:-1, 1:],
        np.concatenate(columns, axis=-1)[:-1],
        _rotate(root[:-1], steps),
        contacts,
    )
    return np.concatenate([block.reshape(len(steps), -1) for block in blocks], axis=1)


def _naive_retarget(joints: Array, skeleton: Skeleton, reference_J3: Array) -> Array:
    lengths = _lengths(reference_J3, skeleton)
    leg = list(skeleton.leg)
    scale = lengths[leg].sum() / _lengths(joints[0], skeleton)[leg].sum()
    quaternions = _inverse_kinematics(joints, skeleton, smooth=False)
    placed = np.zeros_like(joints)
    placed[:, 0] = joints[:, 0] * scale
    for chain in skeleton.chains:
        turned = quaternions[:, 0]
        for before, joint in pairwise(chain):
            turned = _product(turned, quaternions[:, joint])
            bone = np.array(skeleton.directions[joint]) * lengths[joint]
            placed[:, joint] = placed[:, before] + _rotate(turned, bone)
    return placed


def _inverse_kinematics(joints: Array, skeleton: Skeleton, smooth: bool) -> Array:
    """Rotations (T, J, 4), each relative to the one before in its chain; hips swapped, as published."""
    left_hip, right_hip, right_shoulder, left_shoulder = skeleton.face
    across = joints[:, right_hip] - joints[:, left_hip] + joints[:, right_shoulder] - joints[:, left_shoulder]
    forward = np.cross(UP, _unit(across))
    if smooth:
        forward = gaussian_filter1d(forward, 20, axis=0, mode="nearest")
    root = _between(_unit(forward), AHEAD)
    root[0] = (1, 0, 0, 0)
    quaternions = np.zeros((*joints.shape[:-1], 4))
    quaternions[:, 0] = root
    for chain in skeleton.chains:
        turned = root
        for before, joint in pairwise(chain):
            swing = _between(
                np.array(skeleton.directions[joint]), _unit(joints[:, joint] - joints[:, before])
            )
            quaternions[:, joint] = _product(_inverse(turned), swing)
            turned = swing
    return quaternions


def _lengths(joints_J3: Array, skeleton: Skeleton) -> Array:
    lengths = np.zeros(skeleton.joint_count)
    for child, parent in skeleton.bones:
        lengths[child] = np.linalg.norm(joints_J3[child] - joints_J3[parent])
    return lengths


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _between(source: Array, target: Array) -> Array:
    source, target = np.broadcast_arrays(source, target)
    real = 1 + (source * target).sum(-1, keepdims=True)
    return _unit(np.concatenate((real, np.cross(source, target)), axis=-1))


def _inverse(quaternions: Array) -> Array:
    return np.asarray(quaternions * np.array([1, -1, -1, -1]))


def _product(one: Array, two: Array) -> Array:
    real, vector = one[..., :1], one[..., 1:]
    other_real, other_vector = two[..., :1], two[..., 1:]
    product_real = real * other_real - (vector * other_vector).sum(-1, keepdims=True)
    product_vector = real * other_vector + other_real * vector + np.cross(vector, other_vector)
    return np.concatenate((product_real, product_vector), axis=-1)


def _rotate(quaternions: Array, vectors: Array) -> Array:
    real, axis = quaternions[..., :1], quaternions[..., 1:]
    twice = 2 * np.cross(axis, vectors)
    return np.asarray(vectors + real * twice + np.cross(axis, twice))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
