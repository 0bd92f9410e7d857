"""Joints that keep the reference's bones, from positions and from rotations."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.features import moving_clip
from lamp_core.features.bones import decode_by
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton


def lengths(joints_TJ3: torch.Tensor, skeleton: Skeleton) -> torch.Tensor:
    return (joints_TJ3[:, 1:] - joints_TJ3[:, list(skeleton.parents[1:])]).norm(dim=-1)


@pytest.fixture
def features_TD(skeleton: Skeleton) -> torch.Tensor:
    joints = moving_clip(skeleton, 40, np.random.default_rng(0))
    return encode(joints, skeleton, canonical_reference(skeleton))


@pytest.mark.parametrize("way", ["bones", "rotations"])
def test_of_true_features_all_ways_are_the_same(
    way: str, features_TD: torch.Tensor, skeleton: Skeleton
) -> None:
    expected = decode(features_TD, skeleton)
    found = decode_by(way, features_TD, skeleton, canonical_reference(skeleton))
    torch.testing.assert_close(found, expected, atol=2e-4 * float(expected.abs().max()), rtol=0)
    torch.testing.assert_close(
        decode_by("positions", features_TD, skeleton, canonical_reference(skeleton)), expected
    )


@pytest.mark.parametrize("way", ["bones", "rotations"])
def test_bones_keep_their_lengths_whatever_the_features(
    way: str, features_TD: torch.Tensor, skeleton: Skeleton
) -> None:
    noisy = features_TD + 0.1 * features_TD.std() * torch.randn(
        features_TD.shape, generator=torch.Generator().manual_seed(0)
    )
    reference = canonical_reference(skeleton)
    expected = lengths(torch.from_numpy(reference)[None], skeleton).expand(len(noisy), -1)
    found = decode_by(way, noisy.expand(2, 1, -1, -1), skeleton, reference)
    assert found.shape == (2, 1, len(noisy), skeleton.joint_count, 3)
    torch.testing.assert_close(lengths(found[1, 0], skeleton), expected, rtol=1e-3, atol=1e-4)
    stretched = (lengths(decode(noisy, skeleton), skeleton) / expected - 1).abs()
    assert stretched.max() > 0.02


def test_rotations_alone_decide_the_pose_and_positions_do_not(
    features_TD: torch.Tensor, skeleton: Skeleton
) -> None:
    changed = features_TD.clone()
    changed[:, FeatureLayout.of(skeleton)["positions"]] = 0.0
    found = decode_by("rotations", changed, skeleton, canonical_reference(skeleton))
    expected = decode(features_TD, skeleton)
    torch.testing.assert_close(found, expected, atol=2e-4 * float(expected.abs().max()), rtol=0)


def test_golden_rotations(shared: Path, skeleton: Skeleton) -> None:
    """The reference procedure's own features; its joints have the reference's bones."""
    golden = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    for name in golden["names"]:
        expected = golden[f"{name}/recovered"]
        features = torch.from_numpy(golden[f"{name}/features"])
        found = decode_by("rotations", features, skeleton, golden["reference_joints"])
        np.testing.assert_allclose(found, expected, atol=5e-3 * np.abs(expected).max(), rtol=0)
