"""A motion file of the user's: the one gate by which motions come in, whatever the command.

A file is read in the form that is stated, held against people, and refused where `lamp import` would refuse
it.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast, get_args

import numpy as np

from lamp_core.datasets.body_checks import Reading, check_bodies, size_remark, speed_remark
from lamp_core.datasets.features_store import FEATURES_FILE, load_reference
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_form import MotionForm, require_unstated
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.errors import LampError, RejectedClip
from lamp_core.features.encode import encode
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.io.arrays import read_npy
from lamp_core.io.parquet import open_parquet
from lamp_core.remarks import remark
from lamp_core.skeleton.bvh import BvhMotion
from lamp_core.skeleton.mapping import JointMap, load_map
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton, skeleton_names
from lamp_core.skeleton.units import METRES, TURNS, Unit, UpAxis

BVH, ARRAY = ".bvh", ".npy"
FASTEST = 1000.0
"""Frames a second of no camera."""


@dataclass(frozen=True)
class Gate:
    """How motion files are read and what is asked of them.

    Args:
        form: how motions stand in their files.
        force: take what looks like no people as it is.
        joint_map: of the data set that the models were trained on, tried before the built-in ones.
    """

    form: MotionForm = field(default_factory=MotionForm)
    force: bool = False
    joint_map: JointMap | None = None

    def map_of(self, names: tuple[str, ...], skeleton: str | None) -> JointMap:
        """The map that is stated, else the models', else the one that fits; LampError without one."""
        own = None if self.form.map is not None else self.joint_map
        wanted = skeleton or next(iter(own.skeletons), "") if own is not None else ""
        if own is None or wanted not in own.skeletons:
            return self.form.joint_map(names)
        if not own.source_joints(wanted) <= set(own.own_names(names)):
            return self.form.joint_map(names)
        return own.measured(self.form.unit, self.form.up, self.form.left_handed)

    def of_models(self, joint_map: JointMap | None) -> "Gate":
        """This gate with the map of the data set that the models were trained on."""
        return self if self.joint_map is not None else replace(self, joint_map=joint_map)


def stated_form(
    joint_map: str | None = None,
    unit: str | None = None,
    up: str | None = None,
    fps: float | None = None,
    left_handed: bool = False,
) -> MotionForm:
    """The form that a user states.

    Raises:
        LampError: an unknown map, unit or axis, or a rate that no camera has.
    """
    if joint_map is not None:
        load_map(joint_map)  # a name that means nothing is said, whatever the file is
    if unit is not None and unit not in get_args(Unit):
        raise LampError(f"unknown unit {unit!r}; known: {', '.join(METRES)}")
    if up is not None and up not in get_args(UpAxis):
        raise LampError(f"unknown up axis {up!r}; known: {', '.join(TURNS)}")
    if fps is not None and not 0 < fps <= FASTEST:
        raise LampError(f"--fps {fps:g}: frames a second are above 0 and at most {FASTEST:g}")
    return MotionForm(joint_map, cast(Unit | None, unit), cast(UpAxis | None, up), fps, left_handed)


@dataclass(frozen=True, eq=False)
class FileMotion:
    """What a motion file holds.

    Args:
        joints_TJ3: positions in the skeleton's unit, Y up.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.
        features_TD: ready features, not normalised, when the file holds them.
        bvh: what a BVH file says, and the joint map that it was read with.
    """

    joints_TJ3: np.ndarray
    skeleton: Skeleton
    frames_per_second: float
    features_TD: np.ndarray | None = None
    bvh: tuple[BvhMotion, JointMap] | None = None

    @property
    def resampled_TJ3(self) -> np.ndarray:
        """The joints at the skeleton's rate: rotations in between where the file has them, else places."""
        rate = self.skeleton.frames_per_second
        if self.bvh is None:
            return resample(self.joints_TJ3, self.frames_per_second, rate)
        motion, joint_map = self.bvh
        return joint_map.joints_of(motion, self.skeleton, rate)


def read_motion_file(path: Path, gate: Gate | None = None, skeleton: str | None = None) -> FileMotion:
    """Read a motion: ``.npy`` with features (T, D), not normalised, or joints (T, J, 3); or ``.bvh``.

    Args:
        path: the file.
        gate: how it stands in the file; as its joint map or skeleton says without it.
        skeleton: of the result; else told by the shape, or the first of the joint map.

    Raises:
        LampError: a file that cannot be read or fits no skeleton, an unknown skeleton or map, or a body that
            is none of people; the line names the option that mends it.
    """
    gate = gate or Gate()
    try:
        motion, joint_map = open_motion(path, gate, skeleton)
    except RejectedClip as rejected:
        raise LampError(f"{path} cannot be used: {rejected}") from rejected
    if not gate.force:
        check_motions(str(path), [motion], joint_map, gate.form)
    return motion


def open_motion(path: Path, gate: Gate, skeleton: str | None = None) -> tuple[FileMotion, JointMap | None]:
    """A motion file and the joint map that it was read with, not held against people.

    Raises:
        LampError: an unknown ending, skeleton or map.
        RejectedClip: a file that cannot be read or fits no skeleton.
    """
    wanted = None if skeleton is None else load_skeleton(skeleton)
    if path.suffix.lower() == BVH:
        return _from_bvh(path, wanted, gate)
    if path.suffix.lower() == ARRAY:
        return _from_array(path, wanted, gate), None
    raise LampError(
        f"{path}: unknown ending {path.suffix or '(none)'!r}; motions are read from .npy and .bvh"
    )


def check_motions(
    where: str, motions: Sequence[FileMotion], joint_map: JointMap | None, form: MotionForm
) -> None:
    """Hold motions of one skeleton against people; LampError where they are none, as `check_bodies`."""
    skeleton = motions[0].skeleton
    joints = [motion.joints_TJ3 for motion in motions]
    reading = Reading.of(form, skeleton, joint_map)
    check_bodies(joints, skeleton, where, reading)
    timed = [(motion.joints_TJ3, motion.frames_per_second) for motion in motions]
    for odd in filter(None, (size_remark(joints, skeleton, reading), speed_remark(timed, skeleton))):
        remark(f"{where}: {odd}")


def _from_bvh(path: Path, wanted: Skeleton | None, gate: Gate) -> tuple[FileMotion, JointMap]:
    motion = gate.form.read_bvh(path)
    joint_map = gate.map_of(motion.all_names, None if wanted is None else wanted.name)
    skeleton = wanted or load_skeleton(next(iter(joint_map.skeletons)))
    joints_TJ3 = joint_map.joints_of(motion, skeleton)
    for _, text in motion.remarks:
        remark(text)
    read = FileMotion(joints_TJ3, skeleton, motion.frames_per_second, bvh=(motion, joint_map))
    return read, joint_map


def _from_array(path: Path, wanted: Skeleton | None, gate: Gate) -> FileMotion:
    array = read_npy(path)
    candidates = [wanted] if wanted is not None else [load_skeleton(name) for name in skeleton_names()]
    for skeleton in candidates:
        if array.ndim == 3 and array.shape[1:] == (skeleton.joint_count, 3):
            rate = gate.form.frames_per_second or skeleton.frames_per_second
            return FileMotion(_placed(path, array, skeleton, gate.form), skeleton, rate)
        if array.ndim == 2 and array.shape[1] == skeleton.feature_count:
            require_unstated(gate.form, str(path))
            features_TD = _finite(path, array)
            joints_TJ3 = _decoded(features_TD, skeleton)
            return FileMotion(joints_TJ3, skeleton, skeleton.frames_per_second, features_TD)
    forms = ", ".join(
        f"{skeleton.name} joints (T, {skeleton.joint_count}, 3) or features (T, {skeleton.feature_count})"
        for skeleton in candidates
    )
    told = f"{path} has the shape {array.shape}; known: {forms}"
    remedy = "" if wanted is None else _remedy(array, wanted)
    raise RejectedClip("joint-count", f"{told}; {remedy}" if remedy else told)


def _remedy(array: np.ndarray, wanted: Skeleton) -> str:
    """What makes an array of another skeleton one of the wanted one; empty where it is of none."""
    every = [load_skeleton(name) for name in skeleton_names()]
    if array.ndim == 2:
        found = next((each for each in every if each.feature_count == array.shape[1]), None)
        first = "" if found is None else f"`lamp joints` makes joints of it (--skeleton {found.name}), and "
    else:
        found = next((each for each in every if (each.joint_count, 3) == array.shape[1:]), None)
        first = ""
    if found is None:
        return ""
    count = wanted.joint_count
    if found.joints[:count] == wanted.joints:
        return (
            f"it is of {found.name}: {first}the first {count} joints are those of {wanted.name}; write "
            f"them with numpy, array[:, :{count}], and give that file (--fps {found.frames_per_second:g})"
        )
    return (
        f"it is of {found.name}, which has not the joints of {wanted.name}; give a motion of {wanted.name}, "
        f"or take a model that was trained on {found.name}"
    )


def _placed(path: Path, array: np.ndarray, skeleton: Skeleton, form: MotionForm) -> np.ndarray:
    return form.placed(array, path, skeleton).astype(np.float32)


def _finite(path: Path, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        faults = int((~np.isfinite(array)).sum())
        raise RejectedClip("not-finite", f"{path} holds {faults} numbers that are not finite")
    return np.array(array, dtype=np.float32)  # copied: torch takes no read-only array


def _decoded(features_TD: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    # Imported here: who reads joints does not wait for torch.
    import torch

    from lamp_core.features.decode import decode

    joints_TJ3: np.ndarray = decode(torch.from_numpy(features_TD), skeleton).numpy()
    return joints_TJ3


@dataclass(frozen=True)
class FeatureSpace:
    """Skeleton, statistics and reference pose of a data set.

    Args:
        skeleton: its joints.
        statistics: mean and deviation that normalise its features.
        reference_J3: pose whose bone lengths every clip is given.
        joint_map: of the rig that its files have, where they needed one.
    """

    skeleton: Skeleton
    statistics: FeatureStatistics
    reference_J3: np.ndarray
    joint_map: JointMap | None = None

    @classmethod
    def load(cls, folder: Path) -> "FeatureSpace":
        """Read it from the folder of the stage ``features``.

        Raises:
            LampError: the stage has not run.
        """
        path = folder / FEATURES_FILE
        if not path.exists():
            raise LampError(f"{path} is missing; `lamp run --until features` makes it")
        metadata = load_metadata(path, open_parquet(path, FEATURES))
        statistics, reference_J3 = FeatureStatistics.load(folder), load_reference(folder)
        joint_map = None if metadata.joint_map is None else JointMap.model_validate(metadata.joint_map)
        return cls(load_skeleton(metadata.skeleton), statistics, reference_J3, joint_map)


def read_motion(path: Path, features_folder: Path, gate: Gate | None = None) -> np.ndarray:
    """Return normalised features (T, D), T a multiple of four; LampError as `read_features`."""
    space = FeatureSpace.load(features_folder)
    features_TD = read_features(path, space, gate)
    frames = len(features_TD) // DOWNSAMPLING * DOWNSAMPLING
    return np.asarray(space.statistics.normalise(features_TD[:frames]), dtype=np.float32)


def read_features(path: Path, space: FeatureSpace, gate: Gate | None = None) -> np.ndarray:
    """Return features (T, D), not normalised, at least a token long, of a .npy or .bvh file.

    Raises:
        LampError: as `read_motion_file`, and when the motion is of another skeleton or too short.
    """
    gate = (gate or Gate()).of_models(space.joint_map)
    motion = read_motion_file(path, gate, space.skeleton.name)
    features_TD = features_of(motion, space, path)
    if len(features_TD) < DOWNSAMPLING:
        raise LampError(
            f"{path} has {len(features_TD)} feature frames; a motion needs at least {DOWNSAMPLING}"
        )
    return features_TD


def features_of(motion: FileMotion, space: FeatureSpace, path: Path) -> np.ndarray:
    """Features (T, D) of a motion in a data set's space: the file's own, or those of its joints.

    Raises:
        LampError: there is no leg to measure the body by.
    """
    if motion.features_TD is not None:
        return motion.features_TD
    try:
        return encode(motion.resampled_TJ3, space.skeleton, space.reference_J3).numpy()
    except RejectedClip as rejected:
        raise LampError(f"{path} cannot be used: {rejected}") from rejected
