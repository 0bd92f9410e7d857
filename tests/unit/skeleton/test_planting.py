"""Feet in contact stand still, bones keep their lengths, and nothing else moves."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.features import moving_clip
from lamp_core.metrics.plausibility import plausibility
from lamp_core.skeleton.planting import DEEPEST, foot_sliding, plant_feet, standing_still, toe_contacts
from lamp_core.skeleton.skeleton import Skeleton

LEGS = ("knee", "ankle", "foot", "midfoot", "toes")


def gliding(skeleton: Skeleton, frames: int = 60, metres_a_second: float = 0.3) -> np.ndarray:
    """The rest pose with bent knees that glides forward, by default at 0.3 m/s."""
    joints = np.repeat(np.array(skeleton.rest)[None], frames, axis=0)
    unit = 1 / skeleton.metres_per_unit
    for knee in ("left_knee", "right_knee"):
        joints[:, skeleton.index(knee), 2] += 0.12 * unit
    joints[..., 2] += metres_a_second * unit * (np.arange(frames) / skeleton.frames_per_second)[:, None]
    return joints


def bone_lengths(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    children, parents = np.array(skeleton.bones).T
    return np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)


def contacts_between(frames: int, start: int, end: int) -> np.ndarray:
    contacts = np.zeros((frames, 2), dtype=bool)
    contacts[start:end] = True
    return contacts


def test_feet_in_contact_do_not_slide(skeleton: Skeleton) -> None:
    joints, contacts = gliding(skeleton), contacts_between(60, 20, 35)
    before = foot_sliding(joints, contacts, skeleton, skeleton.frames_per_second)
    assert before == pytest.approx(0.3, rel=1e-6)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    assert foot_sliding(planted, contacts, skeleton, skeleton.frames_per_second) < 0.02 * before


def test_bones_keep_their_lengths_and_only_legs_move(skeleton: Skeleton) -> None:
    joints, contacts = gliding(skeleton), contacts_between(60, 20, 35)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    lengths = bone_lengths(joints, skeleton)
    np.testing.assert_allclose(bone_lengths(planted, skeleton), lengths, atol=1e-6 * lengths.max())
    for index, joint in enumerate(skeleton.joints):
        if not joint.endswith(LEGS):
            np.testing.assert_array_equal(planted[:, index], joints[:, index])


def test_nothing_moves_far_from_a_contact_and_nothing_jumps(skeleton: Skeleton) -> None:
    joints, contacts = gliding(skeleton), contacts_between(60, 20, 35)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    far = np.r_[0:15, 41:60]
    np.testing.assert_array_equal(planted[far], joints[far])
    steps = np.abs(np.diff(planted - joints, axis=0)).max() * skeleton.metres_per_unit
    assert steps < 4 * 0.3 / skeleton.frames_per_second


def test_without_contacts_nothing_changes(skeleton: Skeleton) -> None:
    joints = moving_clip(skeleton, 40, np.random.default_rng(0))
    none = np.zeros((40, 2), dtype=bool)
    np.testing.assert_array_equal(plant_feet(joints, none, skeleton, 20.0), joints)
    assert foot_sliding(joints, none, skeleton, 20.0) == 0


def test_a_place_out_of_reach_leaves_the_leg_whole(skeleton: Skeleton) -> None:
    joints = gliding(skeleton)
    joints[30:, :, 1] += 5 / skeleton.metres_per_unit
    planted = plant_feet(joints, contacts_between(60, 20, 40), skeleton, skeleton.frames_per_second)
    lengths = bone_lengths(joints, skeleton)
    assert np.isfinite(planted).all()
    np.testing.assert_allclose(bone_lengths(planted, skeleton), lengths, atol=1e-6 * lengths.max())


def test_contacts_are_slow_low_and_last(skeleton: Skeleton) -> None:
    joints = gliding(skeleton)
    metre = 1 / skeleton.metres_per_unit
    joints[20:30, :, 1] += 0.5 * metre
    contacts = toe_contacts(joints, skeleton, skeleton.frames_per_second)
    assert contacts[5:15].all() and contacts[35:55].all() and not contacts[20:30].any()
    joints[..., 2] += 3 * metre * (np.arange(60) / skeleton.frames_per_second)[:, None]
    assert not toe_contacts(joints, skeleton, skeleton.frames_per_second).any()


def test_a_real_walk_slides_less(shared: Path, skeleton: Skeleton) -> None:
    golden = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    joints = golden["BN2_walk-turn-left_youthful_013/joints"]
    rate = skeleton.frames_per_second
    contacts = toe_contacts(joints, skeleton, rate)
    assert 0.2 < contacts.mean() < 0.95
    planted = plant_feet(joints, contacts, skeleton, rate)
    before, after = (foot_sliding(motion, contacts, skeleton, rate) for motion in (joints, planted))
    assert before > 0.005
    assert after < 0.3 * before


def test_a_walk_that_slides_far_is_made_of_steps(skeleton: Skeleton) -> None:
    """Feet that are said to stand all the time while the body glides at 1 m/s."""
    joints = gliding(skeleton, metres_a_second=1.0)
    joints[..., 1] -= joints[:, list(skeleton.feet), 1].min()  # toes on the floor
    contacts = np.ones((60, 2), dtype=bool)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    before, after = (plausibility([motion], skeleton) for motion in (joints, planted))
    assert before["foot skating in contact"] == pytest.approx(1.0)
    assert after["foot skating in contact"] < 0.15
    assert after["sliding speed"] < 0.3 * before["sliding speed"]
    lengths = bone_lengths(joints, skeleton)
    np.testing.assert_allclose(bone_lengths(planted, skeleton), lengths, atol=1e-6 * lengths.max())
    feet = list(skeleton.feet[1::2])
    ways = [motion[-1, feet, 2] - motion[0, feet, 2] for motion in (joints, planted)]
    np.testing.assert_allclose(ways[1], ways[0], rtol=0.2)
    lift_T2 = (planted[:, feet, 1] - joints[:, feet, 1]) * skeleton.metres_per_unit
    assert 0.05 < lift_T2.max() < 0.121
    lifted_T2 = lift_T2 > 0.02
    assert lifted_T2.all(axis=1).sum() <= 0.2 * lifted_T2.any(axis=1).sum()  # one foot after the other
    still = standing_still(contacts, joints, planted, skeleton)
    assert 0.5 < still.mean() < 0.9
    assert foot_sliding(planted, still, skeleton, skeleton.frames_per_second) < 0.1


def test_the_body_is_lowered_where_a_leg_is_too_short(skeleton: Skeleton) -> None:
    """Straight legs: held feet are out of reach until the hips come down."""
    joints = np.repeat(np.array(skeleton.rest)[None], 60, axis=0)
    unit = 1 / skeleton.metres_per_unit
    joints[..., 2] += 0.4 * unit * (np.arange(60) / skeleton.frames_per_second)[:, None]
    contacts = contacts_between(60, 20, 32)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    assert foot_sliding(planted, contacts, skeleton, skeleton.frames_per_second) < 0.02 * 0.4
    lowered = (joints - planted)[:, 0, 1] / unit
    assert 0.005 < lowered.max() <= DEEPEST
    assert np.abs(np.diff(lowered)).max() < 0.02
    head = skeleton.joints.index("head") if "head" in skeleton.joints else 4
    np.testing.assert_allclose((joints - planted)[:, head], (joints - planted)[:, 0], atol=1e-9 * unit)
    assert not lowered[:10].any() and not lowered[45:].any()
    toes = list(skeleton.feet[1::2])
    np.testing.assert_allclose(planted[:, toes, 1], joints[:, toes, 1], atol=1e-9 * unit)


def test_a_standing_body_stays_as_it_is(skeleton: Skeleton) -> None:
    joints = gliding(skeleton, metres_a_second=0.0)
    contacts = np.ones((60, 2), dtype=bool)
    planted = plant_feet(joints, contacts, skeleton, skeleton.frames_per_second)
    np.testing.assert_allclose(planted, joints, atol=1e-6 / skeleton.metres_per_unit)
