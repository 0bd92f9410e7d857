import numpy as np
import torch

from benchmarks.features import moving_clip
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.mirror import mirror
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton


def test_twice_is_the_motion_itself(skeleton: Skeleton):
    joints = moving_clip(skeleton, 20, np.random.default_rng(0))
    twice = mirror(mirror(joints, skeleton), skeleton)
    assert twice.dtype == joints.dtype
    np.testing.assert_array_equal(twice, joints)
    tensor = torch.from_numpy(joints)[None]
    assert torch.equal(mirror(mirror(tensor, skeleton), skeleton), tensor)


def test_left_and_right_change_places(skeleton: Skeleton):
    joints = moving_clip(skeleton, 20, np.random.default_rng(0))
    mirrored = mirror(joints, skeleton)
    left, right = skeleton.index("left_wrist"), skeleton.index("right_wrist")
    np.testing.assert_array_equal(mirrored[:, left], joints[:, right] * np.array([-1, 1, 1], np.float32))
    np.testing.assert_array_equal(mirrored[:, 0, 1:], joints[:, 0, 1:])


def test_rest_pose_is_its_own_mirror_image(skeleton: Skeleton):
    rest = canonical_reference(skeleton)
    np.testing.assert_allclose(mirror(rest, skeleton), rest)


def test_features_of_the_mirror_image_turn_the_other_way(skeleton: Skeleton):
    """Yaw changes its sign, contacts change feet, heights stay."""
    rest = canonical_reference(skeleton)
    joints = moving_clip(skeleton, 60, np.random.default_rng(3))
    layout = FeatureLayout.of(skeleton)
    straight, mirrored = encode(joints, skeleton, rest), encode(mirror(joints, skeleton), skeleton, rest)
    yaw = layout["root_yaw_velocity"]
    torch.testing.assert_close(mirrored[:, yaw], -straight[:, yaw], atol=1e-5, rtol=0)
    left_first = straight[:, layout["contacts"]]
    assert torch.equal(mirrored[:, layout["contacts"]], left_first.roll(2, dims=-1))
    height = layout["root_height"]
    torch.testing.assert_close(mirrored[:, height], straight[:, height], atol=1e-6, rtol=1e-5)
