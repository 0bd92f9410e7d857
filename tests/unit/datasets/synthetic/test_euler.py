"""Rotation matrices of turns are those of SciPy, whatever the axes and however large the angles."""

from itertools import permutations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lamp_core.datasets.synthetic.euler import AXES, euler_matrices, turned, turns

EXACT = {"rtol": 0.0, "atol": 1e-15}


def drawn(*shape: int) -> np.ndarray:
    angles = np.random.default_rng(0).uniform(-8.0, 8.0, shape)
    angles.flat[:4] = 0.0, np.pi, -np.pi, 2.0 * np.pi
    return angles


@pytest.mark.parametrize("axes", ["".join(axes) for axes in permutations(AXES)])
def test_three_turns(axes: str) -> None:
    angles_N3 = drawn(50, 3)
    wanted_N33 = Rotation.from_euler(axes, angles_N3).as_matrix()
    np.testing.assert_allclose(euler_matrices(axes, angles_N3), wanted_N33, **EXACT)


@pytest.mark.parametrize("axis", AXES)
def test_one_turn_of_angles_of_any_shape(axis: str) -> None:
    angles_FT = drawn(3, 20)
    wanted_N33 = Rotation.from_euler(axis, angles_FT.reshape(-1, 1)).as_matrix()
    np.testing.assert_allclose(turns(axis, angles_FT), wanted_N33.reshape(3, 20, 3, 3), **EXACT)


def test_one_vector_under_every_rotation() -> None:
    rotations = Rotation.from_euler("YXZ", drawn(50, 3))
    vector_3 = np.array([0.3, -1.2, 0.5])
    np.testing.assert_allclose(turned(rotations.as_matrix(), vector_3), rotations.apply(vector_3), atol=1e-14)
