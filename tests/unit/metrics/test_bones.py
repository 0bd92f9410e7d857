"""Stretched bones and features that contradict themselves, made on purpose."""

import numpy as np
import pytest
import torch

from benchmarks.features import moving_clip
from lamp_core.errors import LampError
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.metrics.bones import BODY, BONE_ERROR, OF_ROTATIONS, OF_VELOCITIES, WORST_BONE, body_errors
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton


@pytest.fixture
def features_TD(skeleton: Skeleton) -> np.ndarray:
    joints = moving_clip(skeleton, 40, np.random.default_rng(0))
    return encode(joints, skeleton, canonical_reference(skeleton)).numpy()


def test_true_features_keep_their_bones_and_agree(features_TD: np.ndarray, skeleton: Skeleton) -> None:
    found = body_errors([features_TD, features_TD[:20]], skeleton, canonical_reference(skeleton))
    assert tuple(found) == BODY
    assert found[BONE_ERROR] < 1e-3 and found[WORST_BONE] < 1e-2
    assert found[OF_VELOCITIES] < 0.1 and found[OF_ROTATIONS] < 0.1


def test_a_body_blown_up_by_a_tenth_errs_by_a_tenth(features_TD: np.ndarray, skeleton: Skeleton) -> None:
    layout, grown = FeatureLayout.of(skeleton), features_TD.copy()
    # About the root, which is at the height of its own.
    positions = grown[:, layout["positions"]].reshape(len(grown), -1, 3)
    centre = np.zeros((len(grown), 1, 3), dtype=np.float32)
    centre[:, 0, 1] = grown[:, layout["root_height"]][:, 0]
    grown[:, layout["positions"]] = (centre + 1.1 * (positions - centre)).reshape(len(grown), -1)
    found = body_errors([grown], skeleton, canonical_reference(skeleton))
    assert found[BONE_ERROR] == pytest.approx(0.1, abs=2e-3)
    assert found[WORST_BONE] == pytest.approx(0.1, abs=2e-2)
    assert found[OF_ROTATIONS] > 1.0


def test_a_forearm_of_half_its_length_is_the_worst_bone(features_TD: np.ndarray, skeleton: Skeleton) -> None:
    layout, broken = FeatureLayout.of(skeleton), features_TD.copy()
    hand = skeleton.index("left_wrist" if "left_wrist" in skeleton.joints else skeleton.joints[-1])
    parent = skeleton.parents[hand]
    positions = broken[:, layout["positions"]].reshape(len(broken), -1, 3).copy()
    positions[7, hand - 1] = 0.5 * (positions[7, hand - 1] + positions[7, parent - 1])
    broken[:, layout["positions"]] = positions.reshape(len(broken), -1)
    found = body_errors([broken], skeleton, canonical_reference(skeleton))
    assert found[WORST_BONE] == pytest.approx(0.5, abs=1e-2)
    assert found[BONE_ERROR] < 0.02


def test_velocities_of_another_speed_contradict_steps(features_TD: np.ndarray, skeleton: Skeleton) -> None:
    layout, faster = FeatureLayout.of(skeleton), features_TD.copy()
    faster[:, layout["velocities"]] *= 1.5
    speeds = np.linalg.norm(
        features_TD[:-1, layout["velocities"]].reshape(len(features_TD) - 1, -1, 3), axis=-1
    )
    centimetres = 100 * skeleton.metres_per_unit
    found = body_errors([faster], skeleton, canonical_reference(skeleton))[OF_VELOCITIES]
    assert found == pytest.approx(0.5 * speeds.mean() * centimetres, rel=0.02)


def test_nothing_to_measure_is_said(skeleton: Skeleton) -> None:
    with pytest.raises(LampError, match="found none"):
        body_errors([], skeleton, canonical_reference(skeleton))
    one = torch.zeros(1, skeleton.feature_count).numpy()
    with pytest.raises(LampError, match="two frames"):
        body_errors([one], skeleton, canonical_reference(skeleton))
