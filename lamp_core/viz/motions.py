"""Motions of files, whatever they hold: features or joints in ``.npy``, or BVH of any rig with a joint map.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import detect_map, load_map
from lamp_core.skeleton.posture import body_height, fitting_units, is_human_size
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton, skeleton_names
from lamp_core.skeleton.units import Unit, UpAxis


@dataclass(frozen=True, eq=False)
class FileMotion:
    """What a motion file holds.

    Args:
        joints_TJ3: positions in the skeleton's unit, Y up.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.
    """

    joints_TJ3: np.ndarray
    skeleton: Skeleton
    frames_per_second: float


def read_motion_file(
    path: Path,
    *,
    skeleton: str | None = None,
    joint_map: str | None = None,
    unit: Unit | None = None,
    up: UpAxis | None = None,
) -> FileMotion:
    """Read a motion.

    Args:
        path: ``.npy`` with features (T, D), not normalised, or joints (T, J, 3); or ``.bvh``.
        skeleton: of the result; else told by the shape, or the first of the joint map.
        joint_map: of a BVH file: a built-in name or a YAML file; else detected by the joints' names.
        unit: of a BVH file; else the map's.
        up: up axis of a BVH file; else the map's.

    Raises:
        LampError: a file that cannot be read or fits no skeleton, an unknown skeleton or map, or a person who
            is of no human size in the unit that was given.
    """
    wanted = None if skeleton is None else load_skeleton(skeleton)
    try:
        if path.suffix.lower() == ".bvh":
            return _from_bvh(path, wanted, joint_map, unit, up)
        if path.suffix.lower() == ".npy":
            return _from_array(path, wanted)
    except RejectedClip as rejected:
        raise LampError(f"{path} cannot be used: {rejected}") from rejected
    raise LampError(
        f"{path}: unknown ending {path.suffix or '(none)'!r}; motions are read from .npy and .bvh"
    )


def _from_bvh(
    path: Path, wanted: Skeleton | None, map_name: str | None, unit: Unit | None, up: UpAxis | None
) -> FileMotion:
    motion = read_bvh(path)
    joint_map = load_map(map_name) if map_name is not None else detect_map(motion.joint_names)
    skeleton = wanted or load_skeleton(next(iter(joint_map.skeletons)))
    measured = joint_map.measured(unit, up)
    joints_TJ3 = measured.apply(motion.joint_positions(), motion.joint_names, skeleton)
    height = body_height(joints_TJ3, skeleton)
    if not is_human_size(height):
        units = " or ".join(
            f"--unit {fitting}" for fitting in fitting_units(height, measured.metres_per_unit)
        )
        remedy = units or "a joint map with another metres_per_unit"
        raise LampError(
            f"{path}: with map {joint_map.name!r} the person is {height:.3g} m tall; give {remedy}"
        )
    return FileMotion(joints_TJ3, skeleton, motion.frames_per_second)


def _from_array(path: Path, wanted: Skeleton | None) -> FileMotion:
    array = read_npy(path)
    candidates = [wanted] if wanted is not None else [load_skeleton(name) for name in skeleton_names()]
    for skeleton in candidates:
        if array.ndim == 3 and array.shape[1:] == (skeleton.joint_count, 3):
            return FileMotion(_finite(path, array), skeleton, skeleton.frames_per_second)
        if array.ndim == 2 and array.shape[1] == skeleton.feature_count:
            joints_TJ3 = _decoded(_finite(path, array), skeleton)
            return FileMotion(joints_TJ3, skeleton, skeleton.frames_per_second)
    forms = ", ".join(
        f"{skeleton.name} joints (T, {skeleton.joint_count}, 3) or features (T, {skeleton.feature_count})"
        for skeleton in candidates
    )
    raise LampError(f"{path} has the shape {array.shape}; known: {forms}")


def _finite(path: Path, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise LampError(f"{path} holds {int((~np.isfinite(array)).sum())} numbers that are not finite")
    return np.array(array, dtype=np.float32)  # copied: torch takes no read-only array


def _decoded(features_TD: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    # Imported here: who reads joints does not wait for torch.
    import torch

    from lamp_core.features.decode import decode

    joints_TJ3: np.ndarray = decode(torch.from_numpy(features_TD), skeleton).numpy()
    return joints_TJ3
