from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.features import moving_clip
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


def features_of_a_clip(skeleton: Skeleton, frames: int = 40) -> torch.Tensor:
    joints = moving_clip(skeleton, frames, np.random.default_rng(0))
    return encode(joints, skeleton, canonical_reference(skeleton))


def test_golden_joints(shared: Path, skeleton: Skeleton):
    golden = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    for name in golden["names"]:
        expected = golden[f"{name}/recovered"]
        joints = decode(torch.from_numpy(golden[f"{name}/features"]), skeleton)
        np.testing.assert_allclose(joints, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


def test_published_joints(shared: Path):
    folder = shared / "data" / "humanml3d-sample"
    expected = np.load(folder / "new_joints" / "012314.npy")
    joints = decode(
        torch.from_numpy(np.load(folder / "new_joint_vecs" / "012314.npy")), load_skeleton("smpl22")
    )
    np.testing.assert_allclose(joints, expected, atol=1e-5 * np.abs(expected).max(), rtol=0)


def test_any_leading_shape(skeleton: Skeleton):
    features_TD = features_of_a_clip(skeleton)
    joints_TJ3 = decode(features_TD, skeleton)
    assert joints_TJ3.shape == (39, skeleton.joint_count, 3)
    stacked = features_TD.expand(2, 3, -1, -1)
    torch.testing.assert_close(decode(stacked, skeleton), joints_TJ3.expand(2, 3, -1, -1, -1))


def test_width_of_another_skeleton_is_refused(skeleton: Skeleton):
    with pytest.raises(LampError, match=str(skeleton.feature_count)):
        decode(torch.zeros(5, skeleton.feature_count - 1), skeleton)


def test_gradient_reaches_what_joints_are_made_of_and_nothing_else(skeleton: Skeleton):
    layout = FeatureLayout.of(skeleton)
    features_BTD = features_of_a_clip(skeleton, 6)[None].double().requires_grad_()
    weights = torch.randn(1, 5, skeleton.joint_count, 3, generator=torch.Generator().manual_seed(0))
    (decode(features_BTD, skeleton) * weights).sum().backward()
    gradient_TD = features_BTD.grad[0]
    for name, group in layout.groups():
        used = name.startswith("root") or name == "positions"
        assert bool(gradient_TD[:-1, group].abs().gt(0).all()) == used, name


def test_gradient_is_that_of_the_differences():
    skeleton = load_skeleton("smpl22")
    features = features_of_a_clip(skeleton, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: decode(x, skeleton), features, fast_mode=True)


def test_joints_are_those_that_were_encoded(skeleton: Skeleton):
    """The clip, given the reference's bone lengths and set to the origin, comes back up to a turn about Y."""
    features = features_of_a_clip(skeleton)
    joints = decode(features, skeleton)
    height = float(joints[..., 1].max())
    assert float(joints[..., 1].min()) >= -1e-5 * height
    assert joints[0, 0, ::2].tolist() == [0, 0]
    for child, parent in skeleton.bones:
        lengths = (joints[:, child] - joints[:, parent]).norm(dim=-1)
        rest = canonical_reference(skeleton)
        expected = float(np.linalg.norm(rest[child] - rest[parent]))
        torch.testing.assert_close(lengths, torch.full_like(lengths, expected), rtol=1e-4, atol=0)
