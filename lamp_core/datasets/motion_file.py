"""A motion file of the user's, brought into the feature space that the models were trained in.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.datasets.features_store import FEATURES_FILE, load_reference
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.errors import LampError, RejectedClip
from lamp_core.features.encode import encode
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.io.parquet import open_parquet
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import detect_map, resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


@dataclass(frozen=True)
class FeatureSpace:
    """Skeleton, statistics and reference pose of a data set.

    Args:
        skeleton: its joints.
        statistics: mean and deviation that normalise its features.
        reference_J3: pose whose bone lengths every clip is given.
    """

    skeleton: Skeleton
    statistics: FeatureStatistics
    reference_J3: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> "FeatureSpace":
        """Read it from the folder of the stage ``features``.

        Raises:
            LampError: the stage has not run.
        """
        path = folder / FEATURES_FILE
        if not path.exists():
            raise LampError(f"{path} is missing; `lamp run --until features` makes it")
        skeleton = load_skeleton(load_metadata(path, open_parquet(path, FEATURES)).skeleton)
        return cls(skeleton, FeatureStatistics.load(folder), load_reference(folder))


def read_motion(path: Path, features_folder: Path) -> np.ndarray:
    """Return normalised features (T, D), T a multiple of four, of a .npy (joints or features) or .bvh file.

    Raises:
        LampError: the file is missing, of another kind, of another skeleton, not finite or too short.
    """
    space = FeatureSpace.load(features_folder)
    features_TD = read_features(path, space)
    frames = len(features_TD) // DOWNSAMPLING * DOWNSAMPLING
    return np.asarray(space.statistics.normalise(features_TD[:frames]), dtype=np.float32)


def read_features(path: Path, space: FeatureSpace) -> np.ndarray:
    """Return features (T, D), not normalised, at least a token long, of a .npy or .bvh file.

    Raises:
        LampError: the file is missing, of another kind, of another skeleton, not finite or too short.
    """
    if not path.exists():
        raise LampError(f"{path} does not exist")
    try:
        features_TD = _features(path, space)
    except RejectedClip as fault:
        raise LampError(f"{path} cannot be used: {fault.detail or fault.reason}") from fault
    if not np.isfinite(features_TD).all():
        raise LampError(f"{path} holds values that are not finite")
    if len(features_TD) < DOWNSAMPLING:
        raise LampError(
            f"{path} has {len(features_TD)} feature frames; a motion needs at least {DOWNSAMPLING}"
        )
    return features_TD


def _features(path: Path, space: FeatureSpace) -> np.ndarray:
    skeleton = space.skeleton
    if path.suffix == ".bvh":
        motion = read_bvh(path)
        joint_map = detect_map(motion.joint_names)
        joints_TJ3 = joint_map.apply(motion.joint_positions(), motion.joint_names, skeleton)
        joints_TJ3 = resample(joints_TJ3, motion.frames_per_second, skeleton.frames_per_second)
        return encode(joints_TJ3, skeleton, space.reference_J3).numpy()
    if path.suffix != ".npy":
        raise LampError(f"{path}: motions are read from .npy (joints or features) and .bvh")
    array = load_array(path)
    if array.ndim == 2 and array.shape[1] == skeleton.feature_count:
        return array
    if array.ndim == 3 and array.shape[1:] == (skeleton.joint_count, 3):
        return encode(array, skeleton, space.reference_J3).numpy()
    raise LampError(
        f"{path} has the shape {array.shape}; the models know joints (T, {skeleton.joint_count}, 3) and "
        f"features (T, {skeleton.feature_count}) of {skeleton.name}"
    )


def load_array(path: Path) -> np.ndarray:
    """Read a numeric .npy file without unpickling anything.

    Raises:
        LampError: it is missing, no .npy file, or holds no numbers.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LampError(f"{path} is no readable .npy file of numbers") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise LampError(f"{path} holds no array of numbers")
    return array.astype(np.float32)
