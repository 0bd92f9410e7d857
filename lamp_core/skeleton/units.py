"""Units of length and up axes of motion files.

Shapes: T frames, J joints.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["m", "cm", "mm", "inch", "foot"]
UpAxis = Literal["x", "y", "z"]

METRES: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "foot": 0.3048}
"""Length of each unit."""
TURNS: dict[UpAxis, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "x": ((1, 0, 2), (-1, 1, 1)),
    "y": ((0, 1, 2), (1, 1, 1)),
    "z": ((0, 2, 1), (-1, 1, 1)),
}
"""For each up axis the file's coordinate behind each of ours, and its sign: turns, no mirror images."""


def turn_to_y_up(joints_TJ3: NDArray[Any], up: UpAxis) -> NDArray[Any]:
    """Joints whose `up` axis pointed up, turned so that Y does; the same array when it did already."""
    if up == "y":
        return joints_TJ3
    coordinates, signs = TURNS[up]
    turned_TJ3: NDArray[Any] = joints_TJ3[..., coordinates] * np.array(signs, dtype=joints_TJ3.dtype)
    return turned_TJ3


def mirror_x(joints_TJ3: NDArray[Any]) -> NDArray[Any]:
    """Joints of left-handed axes in right-handed ones: X the other way. Y is up in both."""
    mirrored_TJ3: NDArray[Any] = joints_TJ3 * np.array([-1, 1, 1], dtype=joints_TJ3.dtype)
    return mirrored_TJ3


def turn_back(vectors_3: NDArray[Any], up: UpAxis) -> NDArray[Any]:
    """The inverse of `turn_to_y_up`: vectors as a file with this up axis has them."""
    coordinates, signs = TURNS[up]
    turned: NDArray[Any] = np.empty_like(vectors_3)
    turned[..., coordinates] = vectors_3 * np.array(signs, dtype=vectors_3.dtype)
    return turned
