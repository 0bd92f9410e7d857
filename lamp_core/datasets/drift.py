"""How far the features of one data set lie from those of another, or from published statistics.

Shapes: T frames, D feature numbers a frame.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.datasets.features_store import FEATURES_FILE, feature_tables, read_feature_column
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.errors import LampError
from lamp_core.features.layout import GROUPS, FeatureLayout
from lamp_core.io.parquet import open_parquet
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton, skeleton_names

MEAN_FILES, STD_FILES = ("Mean.npy", "mean.npy"), ("Std.npy", "std.npy")
SMALLEST_DEVIATION = 1e-8
COORDINATES = "xyz"
WORST = 12


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and deviation of every feature number.

    Args:
        name: of the data set or folder.
        skeleton: whose features they are.
        mean_D: mean of every number.
        std_D: deviation of every number, or one a group where the source has no more.
        frames: feature frames behind them; 0 when the source does not say.
    """

    name: str
    skeleton: Skeleton
    mean_D: np.ndarray
    std_D: np.ndarray
    frames: int = 0


@dataclass(frozen=True)
class GroupDrift:
    """One feature group of two data sets.

    Args:
        group: its name in `FeatureLayout`.
        shift: root mean square of the numbers' differences of the mean, in deviations of the group.
        largest_shift: the largest of these differences, without its sign.
        ratio: deviation of the group over that of the other set.
    """

    group: str
    shift: float
    largest_shift: float
    ratio: float


@dataclass(frozen=True)
class NumberDrift:
    """One feature number of two data sets: its name, both means, and their difference in deviations."""

    name: str
    mean: float
    other_mean: float
    shift: float


@dataclass(frozen=True)
class Drift:
    """What `compare` found: every group, and the numbers that moved furthest."""

    name: str
    against: str
    groups: tuple[GroupDrift, ...]
    worst: tuple[NumberDrift, ...]


def feature_arrays(path: Path, skeleton: Skeleton) -> Iterator[np.ndarray]:
    """The features (T, D) of every clip of ``features.parquet``, a row group in memory at a time."""
    for table in feature_tables(path, skeleton):
        yield from read_feature_column(table["features"], skeleton.feature_count)


def moments_of(features: Iterable[np.ndarray], name: str, skeleton: Skeleton) -> Moments:
    """Mean and deviation over all frames, in one pass.

    Raises:
        LampError: there is no frame.
    """
    total_D = np.zeros(skeleton.feature_count)
    squares_D = np.zeros(skeleton.feature_count)
    shift_D: np.ndarray | None = None  # any value near the mean keeps the digits of the deviation
    frames = 0
    for features_TD in features:
        shift_D = features_TD.mean(0, dtype=np.float64) if shift_D is None else shift_D
        rows_TD = features_TD - shift_D
        total_D += rows_TD.sum(0)
        squares_D += np.einsum("td,td->d", rows_TD, rows_TD)
        frames += len(rows_TD)
    if shift_D is None or not frames:
        raise LampError(f"data set {name!r} has no clip with features")
    mean_D = total_D / frames
    std_D = np.sqrt(np.maximum(squares_D / frames - np.square(mean_D), 0))
    return Moments(name, skeleton, mean_D + shift_D, std_D, frames)


def moments_of_folder(folder: Path) -> Moments:
    """Of an output of the stage ``features`` (all splits), or of a folder with Mean.npy and Std.npy.

    Raises:
        LampError: the folder holds neither, or statistics that fit no skeleton.
    """
    features_path = folder / FEATURES_FILE
    if features_path.is_file():
        metadata = load_metadata(features_path, open_parquet(features_path, FEATURES))
        skeleton = load_skeleton(metadata.skeleton)
        return moments_of(feature_arrays(features_path, skeleton), metadata.dataset, skeleton)
    mean_D, std_D = (_statistics_row(folder, names) for names in (MEAN_FILES, STD_FILES))
    for skeleton in map(load_skeleton, skeleton_names()):
        if mean_D.shape == std_D.shape == (skeleton.feature_count,):
            return Moments(str(folder), skeleton, mean_D, std_D)
    raise LampError(f"{folder}: mean {mean_D.shape} and deviation {std_D.shape} fit no known skeleton")


def _statistics_row(folder: Path, names: tuple[str, ...]) -> np.ndarray:
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise LampError(f"{folder} holds no {names[0]}; name a registered data set or a folder of statistics")
    try:
        row = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LampError(f"{path} cannot be read: {error}") from error
    if row.ndim != 1 or row.dtype.kind != "f" or not np.isfinite(row).all():
        raise LampError(f"{path} is no row of finite numbers, but {row.dtype} of shape {row.shape}")
    return np.asarray(row, dtype=np.float64)


def compare(ours: Moments, other: Moments) -> Drift:
    """Differences of the mean in deviations of the other set's groups, and the ratio of the deviations.

    Deviations are averaged within a group first, as the published statistics have them, so that a number that
    does not vary divides nothing.

    Raises:
        LampError: the sets have different skeletons.
    """
    if ours.skeleton.name != other.skeleton.name:
        raise LampError(
            f"{ours.name} has the skeleton {ours.skeleton.name}, {other.name} {other.skeleton.name};"
            " only features of one skeleton can be compared"
        )
    layout = FeatureLayout.of(ours.skeleton)
    shift_D = np.zeros(layout.width)
    groups = []
    for name in GROUPS:
        group = layout[name]
        deviation = max(float(other.std_D[group].mean()), SMALLEST_DEVIATION)
        shift_D[group] = (ours.mean_D[group] - other.mean_D[group]) / deviation
        groups.append(
            GroupDrift(
                name,
                shift=float(np.sqrt(np.square(shift_D[group]).mean())),
                largest_shift=float(np.abs(shift_D[group]).max()),
                ratio=float(ours.std_D[group].mean()) / deviation,
            )
        )
    names = number_names(ours.skeleton)
    worst = [
        NumberDrift(
            names[place], float(ours.mean_D[place]), float(other.mean_D[place]), float(shift_D[place])
        )
        for place in np.argsort(-np.abs(shift_D), kind="stable")[:WORST]
    ]
    return Drift(ours.name, other.name, tuple(groups), tuple(worst))


def number_names(skeleton: Skeleton) -> list[str]:
    """A name of every feature number: its group, joint and coordinate."""
    joints = skeleton.joints
    names = ["root_yaw_velocity", "root_planar_velocity x", "root_planar_velocity z", "root_height"]
    names += [f"positions {joint} {axis}" for joint in joints[1:] for axis in COORDINATES]
    names += [
        f"rotations {joint} {column}{axis}" for joint in joints[1:] for column in "12" for axis in COORDINATES
    ]
    names += [f"velocities {joint} {axis}" for joint in joints for axis in COORDINATES]
    names += [f"contacts {joints[foot]}" for foot in skeleton.feet]
    return names
