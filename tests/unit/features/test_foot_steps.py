"""Steps of feet are those of the joints that features are decoded to."""

import numpy as np
import torch

from benchmarks.features import moving_clip
from lamp_core.features.decode import decode, facing_of
from lamp_core.features.encode import encode
from lamp_core.features.foot_steps import foot_steps
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


def clip_features(skeleton: Skeleton, frames: int = 40) -> torch.Tensor:
    joints = moving_clip(skeleton, frames, np.random.default_rng(0))
    return encode(joints, skeleton, canonical_reference(skeleton))


def test_steps_are_the_differences_of_recovered_joints(skeleton: Skeleton) -> None:
    features_TD = clip_features(skeleton).double()
    layout = FeatureLayout.of(skeleton)
    features_TD[:, layout["root_yaw_velocity"]] *= 3  # a body that turns
    made_SF3 = foot_steps(features_TD, skeleton)
    feet_TF3 = decode(features_TD, skeleton)[:, list(skeleton.feet)]
    torch.testing.assert_close(made_SF3.norm(dim=-1), feet_TF3.diff(dim=0).norm(dim=-1))
    torch.testing.assert_close(made_SF3[..., 1], feet_TF3[..., 1].diff(dim=0))
    cosine_T1, sine_T1 = facing_of(features_TD[:, layout["root_yaw_velocity"]])
    x_SF, _, z_SF = feet_TF3.diff(dim=0).unbind(-1)
    seen_x_SF = cosine_T1[:-1] * x_SF + sine_T1[:-1] * z_SF
    torch.testing.assert_close(made_SF3[..., 0], seen_x_SF)


def test_steps_of_true_features_are_their_velocities(skeleton: Skeleton) -> None:
    features_TD = clip_features(skeleton)
    velocities = features_TD[:-1, FeatureLayout.of(skeleton)["velocities"]].unflatten(-1, (-1, 3))
    expected = velocities[:, list(skeleton.feet)]
    torch.testing.assert_close(
        foot_steps(features_TD, skeleton), expected, atol=1e-5 * float(expected.abs().max()), rtol=0
    )


def test_any_leading_shape(skeleton: Skeleton) -> None:
    features_TD = clip_features(skeleton)
    stacked = features_TD.expand(2, 3, -1, -1)
    torch.testing.assert_close(
        foot_steps(stacked, skeleton), foot_steps(features_TD, skeleton).expand(2, 3, -1, -1, -1)
    )


def test_gradient_is_that_of_the_differences() -> None:
    skeleton = load_skeleton("smpl22")
    features = clip_features(skeleton, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: foot_steps(x, skeleton), features, fast_mode=True)
