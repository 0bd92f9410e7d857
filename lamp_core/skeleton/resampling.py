"""Motion at another rate: places on a line between two frames, rotations on the shortest arc (Shoemake 1985).

A limb that turns carries its joints on arcs. Places in between lie on the chord, so that bones come out
shorter there; rotations in between keep their lengths.

Shapes: T frames, S samples, J joints; a quaternion's four numbers stand first, frames or samples last.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOLERANCE = 1e-9
"""Of a frame: the last sample is not lost to rounding."""
SMALLEST_SINE = 1e-6
"""Of the angle between two rotations; on a shorter arc a line is the arc."""
ARCS = "rotations interpolated"


@dataclass(frozen=True, eq=False)
class Sampling:
    """Between which frames each sample lies.

    Args:
        before_S: frame at or before each sample.
        after_S: frame after it; the last one for the last.
        share_S: how far it is from the one to the other, 0 to 1.
    """

    before_S: NDArray[np.int64]
    after_S: NDArray[np.int64]
    share_S: Floats

    @classmethod
    def of(cls, frames: int, source_fps: float, target_fps: float) -> "Sampling":
        """Samples at the times k / target_fps, the last one at or before the last frame."""
        count = int((frames - 1) * target_fps / source_fps + TOLERANCE) + 1
        places_S: Floats = np.arange(count, dtype=np.float64) * (source_fps / target_fps)
        before_S = np.minimum(places_S.astype(np.int64), frames - 1)
        return cls(before_S, np.minimum(before_S + 1, frames - 1), places_S - before_S)

    def on_lines(self, values: NDArray[Any]) -> Floats:
        """Values (T, ...) at the samples, on a line between two frames."""
        share = self.share_S.reshape(-1, *[1] * (values.ndim - 1))
        sampled: Floats = values[self.before_S] * (1 - share) + values[self.after_S] * share
        return sampled

    def on_arcs(self, quaternions_4xT: Floats) -> Floats:
        """Rotations (4, ..., T) at the samples, on the shortest arc between two frames."""
        return slerp(quaternions_4xT[..., self.before_S], quaternions_4xT[..., self.after_S], self.share_S)


def resample(joints_TJ3: NDArray[Any], source_fps: float, target_fps: float) -> Floats:
    """Joints at another rate, their places on lines: for sources that have no rotations.

    Args:
        joints_TJ3: at `source_fps` frames a second.
        source_fps: rate of the joints.
        target_fps: rate to make.

    Returns:
        joints_SJ3: at `target_fps` frames a second, see `Sampling.of`.
    """
    return Sampling.of(len(joints_TJ3), source_fps, target_fps).on_lines(joints_TJ3)


def version_mark(source_fps: float, target_fps: float) -> tuple[str, ...]:
    """What tells a clip whose rotations were interpolated from the same clip by places alone.

    Nothing where every sample is a frame of the file.
    """
    return (ARCS,) if (source_fps / target_fps) % 1 else ()


def slerp(first_4xS: Floats, second_4xS: Floats, share_S: Floats) -> Floats:
    """Unit quaternions on the shortest arc from the first to the second, at these shares of it."""
    cosine_xS = np.einsum("i...,i...->...", first_4xS, second_4xS)
    sign_xS = np.where(cosine_xS < 0, -1.0, 1.0)  # q and -q are one rotation: take the nearer
    angle_xS = np.arccos(np.minimum(np.abs(cosine_xS), 1.0))
    sine_xS = np.sin(angle_xS)
    is_arc_xS = sine_xS > SMALLEST_SINE
    divisor_xS = np.where(is_arc_xS, sine_xS, 1.0)
    before_xS = np.where(is_arc_xS, np.sin((1 - share_S) * angle_xS) / divisor_xS, 1 - share_S)
    after_xS = np.where(is_arc_xS, np.sin(share_S * angle_xS) / divisor_xS, share_S) * sign_xS
    between_4xS: Floats = first_4xS * before_xS + second_4xS * after_xS
    return between_4xS


def turned_about(quaternions_4x: Floats, axis: int, cosine_x: Floats, sine_x: Floats) -> Floats:
    """Quaternions times a turn about one coordinate axis, given by cosine and sine of half its angle."""
    first, second, third = (1 + (axis + step) % 3 for step in range(3))
    turned_4x = quaternions_4x * cosine_x
    turned_4x[0] -= quaternions_4x[first] * sine_x
    turned_4x[first] += quaternions_4x[0] * sine_x
    turned_4x[second] += quaternions_4x[third] * sine_x
    turned_4x[third] -= quaternions_4x[second] * sine_x
    return turned_4x


def matrices_of(quaternions_4x: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) of unit quaternions."""
    w, x, y, z = quaternions_4x
    matrices_x33 = np.empty((*w.shape, 3, 3))
    for row, column, value in (
        *((0, 0, 1 - 2 * (y * y + z * z)), (0, 1, 2 * (x * y - w * z)), (0, 2, 2 * (x * z + w * y))),
        *((1, 0, 2 * (x * y + w * z)), (1, 1, 1 - 2 * (x * x + z * z)), (1, 2, 2 * (y * z - w * x))),
        *((2, 0, 2 * (x * z - w * y)), (2, 1, 2 * (y * z + w * x)), (2, 2, 1 - 2 * (x * x + y * y))),
    ):
        matrices_x33[..., row, column] = value
    return matrices_x33


def quaternions_of(axis_angles_x3: NDArray[Any]) -> Floats:
    """Unit quaternions (4, ...) of rotations given as axis times angle in radians."""
    angle_x1 = np.linalg.norm(axis_angles_x3, axis=-1, keepdims=True).astype(np.float64)
    vector_x3 = axis_angles_x3 * (0.5 * np.sinc(angle_x1 / (2 * np.pi)))  # sin(angle / 2) / angle, 1/2 at 0
    return np.moveaxis(np.concatenate([np.cos(angle_x1 / 2), vector_x3], axis=-1), -1, 0)


def axis_angles_of(quaternions_4x: Floats) -> Floats:
    """The inverse of `quaternions_of`, by at most half a turn."""
    scalar_x, vector_x3 = quaternions_4x[0], np.moveaxis(quaternions_4x[1:], 0, -1)
    sine_x = np.linalg.norm(vector_x3, axis=-1)
    half_x = np.arctan2(sine_x, np.abs(scalar_x)) * np.where(scalar_x < 0, -1.0, 1.0)
    factor_x = np.where(sine_x > SMALLEST_SINE, 2 * half_x / np.where(sine_x > SMALLEST_SINE, sine_x, 1), 2.0)
    axis_angles_x3: Floats = vector_x3 * factor_x[..., None]
    return axis_angles_x3
