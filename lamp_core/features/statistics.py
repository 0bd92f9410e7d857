"""Mean and deviation of features, and normalising by them.

Shapes: T frames, D feature numbers a frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.features.layout import ROOT_BLOCKS, FeatureLayout

Features = TypeVar("Features", NDArray[Any], Tensor)

DIVIDED_GROUPS = (*ROOT_BLOCKS, "contacts")
SMALLEST_DEVIATION = 1e-8  # a group below does not vary; it is left as it is, not blown up


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """What normalises features to about mean 0 and deviation 1.

    Args:
        mean_D: mean of every number.
        std_D: deviation, the same for all numbers of a group.
    """

    mean_D: NDArray[np.float32]
    std_D: NDArray[np.float32]

    def normalise(self, features: Features) -> Features:
        """Features of any leading shape, array or tensor, less the mean, over the deviation."""
        if isinstance(features, Tensor):
            return (features - _like(self.mean_D, features)) / _like(self.std_D, features)
        return (features - self.mean_D) / self.std_D

    def denormalise(self, features: Features) -> Features:
        """The inverse of `normalise`."""
        if isinstance(features, Tensor):
            return features * _like(self.std_D, features) + _like(self.mean_D, features)
        return features * self.std_D + self.mean_D

    def of(self, group: slice) -> "FeatureStatistics":
        """Those of a group of numbers alone."""
        return FeatureStatistics(self.mean_D[group], self.std_D[group])

    def save(self, folder: str | Path) -> None:
        """Write ``mean.npy`` and ``std.npy``, float32."""
        np.save(Path(folder) / "mean.npy", self.mean_D)
        np.save(Path(folder) / "std.npy", self.std_D)

    @staticmethod
    def load(folder: str | Path) -> "FeatureStatistics":
        """Read what `save` wrote.

        Raises:
            LampError: a file is missing or is no row of numbers.
        """
        return FeatureStatistics(_read_row(Path(folder) / "mean.npy"), _read_row(Path(folder) / "std.npy"))


def _like(row_D: NDArray[np.float32], features: Tensor) -> Tensor:
    return torch.from_numpy(row_D).to(features)


def _read_row(path: Path) -> NDArray[np.float32]:
    try:
        row = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LampError(f"cannot read {path}: run the stage 'features' first ({error})") from error
    if not isinstance(row, np.ndarray) or row.ndim != 1:
        raise LampError(f"{path} is no row of numbers: run the stage 'features' again")
    return row.astype(np.float32)


class RunningStatistics:
    """Sums up the features of clips as they pass by, for `feature_statistics`.

    Args:
        layout: of these features.
    """

    def __init__(self, layout: FeatureLayout) -> None:
        self.layout = layout
        self.count = 0
        self.total_D = np.zeros(layout.width)
        self.squares_D = np.zeros(layout.width)
        # Any value near the mean keeps the digits of the deviation: that of the first clip.
        self.shift_D: NDArray[np.float64] | None = None

    def add(self, features_TD: NDArray[Any] | Tensor) -> None:
        """Count the features of a clip; LampError when they have another width."""
        rows_TD = np.asarray(features_TD, dtype=np.float64)
        if rows_TD.ndim != 2 or rows_TD.shape[1] != self.layout.width:
            raise LampError(
                f"a clip's features have the shape {rows_TD.shape}, not (frames, {self.layout.width})"
            )
        self.shift_D = rows_TD.mean(0) if self.shift_D is None else self.shift_D
        shifted_TD = rows_TD - self.shift_D
        self.count += len(rows_TD)
        self.total_D += shifted_TD.sum(0)
        self.squares_D += np.square(shifted_TD).sum(0)

    def found(self, std_root_divisor: float = 5.0) -> FeatureStatistics:
        """The statistics of all clips so far; LampError without a clip, or where a value is not finite."""
        if self.shift_D is None or not np.isfinite(self.squares_D).all():
            fault = "there are no clips" if self.shift_D is None else "a value is not finite"
            raise LampError(f"features have no mean and deviation: {fault}")
        mean_D = self.total_D / self.count
        deviation_D = np.sqrt(np.maximum(self.squares_D / self.count - np.square(mean_D), 0))
        std_D = _group_deviations(deviation_D, self.layout, std_root_divisor)
        return FeatureStatistics((mean_D + self.shift_D).astype(np.float32), std_D.astype(np.float32))


def feature_statistics(
    features: Iterable[NDArray[Any] | Tensor], layout: FeatureLayout, std_root_divisor: float = 5.0
) -> FeatureStatistics:
    """Mean of every number, and one deviation a group.

    Within a group (root yaw velocity, root planar velocity, root height, positions, rotations, velocities,
    contacts) the deviations are averaged. Those of the root's groups and of the contacts are then divided, so
    that a model gives them more weight. The published code divides by its ``feat_bias`` 5 twice where the
    statistics of its evaluator are used, hence 25 matches published checkpoints; the published ``Std.npy``
    itself is not divided (divisor 1).

    Args:
        features: (T, D) of each clip; read once, in one pass.
        layout: of these features.
        std_root_divisor: 5 by default, 25 to match published checkpoints.

    Raises:
        LampError: no clip, a clip of another width, or a value that is not finite.
    """
    running = RunningStatistics(layout)
    for features_TD in features:
        running.add(features_TD)
    return running.found(std_root_divisor)


def _group_deviations(
    deviation_D: NDArray[np.float64], layout: FeatureLayout, std_root_divisor: float
) -> NDArray[np.float64]:
    std_D = np.ones_like(deviation_D)
    for name, group in layout.groups():
        deviation = deviation_D[group].mean()
        if deviation > SMALLEST_DEVIATION:
            std_D[group] = deviation / (std_root_divisor if name in DIVIDED_GROUPS else 1)
    return std_D
