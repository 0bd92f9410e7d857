"""A made stretch leads where the given poses say, and nothing else of it changes."""

import numpy as np
import pytest
import torch

from lamp_core.features.anchor import Way, anchored, gaps
from lamp_core.features.decode import decode
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import load_skeleton

SKELETON = load_skeleton("smpl22")
LAYOUT = FeatureLayout.of(SKELETON)


def _motion(seed: int, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (frames, LAYOUT.width)).astype(np.float32)


def _joints(features_TD: np.ndarray) -> np.ndarray:
    return decode(torch.from_numpy(features_TD), SKELETON).numpy()


def test_poses_behind_a_gap_are_where_they_were() -> None:
    true, given = _motion(0), np.ones(40, dtype=bool)
    given[8:20] = given[28:32] = False
    made = np.where(given[:, None], true, _motion(1))
    assert np.abs(_joints(made)[given] - _joints(true)[given]).max() > 0.1
    led = anchored(made, true, given)
    np.testing.assert_allclose(_joints(led)[given], _joints(true)[given], atol=1e-4)
    np.testing.assert_array_equal(led[given], true[given])


def test_poses_and_heights_inside_a_gap_stay_and_speeds_go_on_across_its_borders() -> None:
    true, made, given = _motion(0), _motion(1), np.arange(40) % 20 < 10
    led = anchored(np.where(given[:, None], true, made), true, given)
    for group in ("root_height", "positions", "rotations", "contacts"):
        np.testing.assert_array_equal(led[10:20, LAYOUT[group]], made[10:20, LAYOUT[group]])
    added = (led - made)[10:20]
    turn = added[:, LAYOUT["root_yaw_velocity"]]
    steps = np.linalg.norm(added[:, LAYOUT["root_planar_velocity"]], axis=1)
    for spread in (np.abs(turn[:, 0]), steps):
        assert spread[4] > 1e-3 and spread[[0, -1]].max() < 0.05 * spread[4]
        np.testing.assert_allclose(spread, spread[::-1], atol=1e-6)
    velocities = added[:, LAYOUT["velocities"]].reshape(10, -1, 3)
    lengths = np.linalg.norm(velocities, axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(steps[:, None], lengths.shape), atol=1e-5)
    assert (velocities[..., 1] == 0).all()


@pytest.mark.parametrize("given", [np.arange(40) < 12, np.arange(40) >= 12])
def test_a_gap_with_one_side_stays(given: np.ndarray) -> None:
    np.testing.assert_array_equal(anchored(_motion(1), _motion(0), given), _motion(1))


def test_a_way_fits_a_stretch_of_another_length() -> None:
    way = Way.of(_motion(0, 12))
    other = Way.of(way.lead(_motion(1, 20)))
    assert other.half_turn == pytest.approx(way.half_turn, abs=1e-5)
    np.testing.assert_allclose(other.step_2, way.step_2, atol=1e-5)


def test_gaps_are_found_at_both_ends() -> None:
    assert gaps(np.array([False, True, False, False, True, False])) == [(0, 1), (2, 4), (5, 6)]
    assert gaps(np.ones(3, dtype=bool)) == []
