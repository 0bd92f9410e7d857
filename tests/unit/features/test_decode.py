from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from benchmarks.features import moving_clip
from lamp_core.errors import LampError
from lamp_core.features.decode import decode, yaw_velocity_of
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.mapping import load_map
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


def turning_clip(skeleton: Skeleton, degrees_T: np.ndarray) -> np.ndarray:
    """The rest pose, turned to these headings while it glides forward."""
    joints_TJ3 = np.repeat(canonical_reference(skeleton)[None].astype(np.float64), len(degrees_T), axis=0)
    angle_T = np.radians(degrees_T)
    turned_TJ3 = joints_TJ3.copy()
    cosine_T1, sine_T1 = np.cos(angle_T)[:, None], np.sin(angle_T)[:, None]
    turned_TJ3[..., 0] = joints_TJ3[..., 0] * cosine_T1 + joints_TJ3[..., 2] * sine_T1
    turned_TJ3[..., 2] = joints_TJ3[..., 2] * cosine_T1 - joints_TJ3[..., 0] * sine_T1
    step_T2 = np.stack([np.sin(angle_T), np.cos(angle_T)], axis=-1) * 0.02 / skeleton.metres_per_unit
    turned_TJ3[..., ::2] += step_T2.cumsum(axis=0)[:, None]
    return turned_TJ3


def unlike_up_to_the_start(joints_TJ3: np.ndarray, expected_TJ3: np.ndarray) -> float:
    """Largest difference when start, first heading and floor are the same; scipy finds the heading."""
    found, expected = (
        clip - clip[:1, :1] * [1, 0, 1] - [0, clip[..., 1].min(), 0] for clip in (joints_TJ3, expected_TJ3)
    )
    rotation, _ = Rotation.align_vectors(expected[0] * [1, 0, 1], found[0] * [1, 0, 1])
    return float(np.abs(rotation.apply(found.reshape(-1, 3)) - expected.reshape(-1, 3)).max())


@pytest.mark.parametrize(
    ("headings", "passes"),
    [
        (np.linspace(0, 400, 160), True),
        (np.linspace(0, -400, 160), True),
        (np.concatenate([np.linspace(0, 200, 90), np.linspace(200, 90, 60), np.linspace(90, 300, 90)]), True),
        (np.concatenate([np.linspace(0, 176, 90), np.linspace(176, 0, 90)]), False),
    ],
)
def test_a_body_that_passes_half_a_turn_comes_back(headings: np.ndarray, passes: bool, skeleton: Skeleton):
    """The published encoding reverses the turn of that step; its decoder is wrong from there on."""
    joints_TJ3 = turning_clip(skeleton, headings)
    features_TD = encode(joints_TJ3, skeleton, canonical_reference(skeleton))
    layout = FeatureLayout.of(skeleton)
    right_TD = features_TD.clone()
    right_TD[:, layout["root_yaw_velocity"]] = yaw_velocity_of(features_TD, layout)
    reversed_T = (right_TD != features_TD).any(-1)
    assert bool(reversed_T.any()) == passes
    height = float(np.abs(joints_TJ3).max())
    assert unlike_up_to_the_start(decode(features_TD, skeleton).numpy(), joints_TJ3[:-1]) < 2e-4 * height
    torch.testing.assert_close(decode(right_TD, skeleton), decode(features_TD, skeleton))
    later = decode(features_TD[40:], skeleton).numpy()  # a span's first heading is not the clip's
    assert unlike_up_to_the_start(later, joints_TJ3[40:-1]) < 2e-4 * height


def test_turns_of_features_that_disagree_stay_as_they_are():
    """Generated features contradict themselves at every step; nothing of that is the published flaw."""
    skeleton = load_skeleton("smpl22")
    layout = FeatureLayout.of(skeleton)
    features_TD = encode(
        turning_clip(skeleton, np.linspace(0, 170, 200)), skeleton, canonical_reference(skeleton)
    )
    noise_TD = torch.randn(features_TD.shape, generator=torch.Generator().manual_seed(0))
    noisy_TD = features_TD + 0.01 * noise_TD
    yaw_velocity_T1 = noisy_TD[:, layout["root_yaw_velocity"]]
    torch.testing.assert_close(yaw_velocity_of(noisy_TD, layout), yaw_velocity_T1, rtol=0, atol=0)


@pytest.mark.parametrize(
    "name",
    ["BN2_walk-turn-left_normal_031", "BN2_walk-turn-left_normal_032", "BN2_walk-turn-right_masculine_006"],
)
def test_the_real_clips_that_pass_half_a_turn_in_a_step(shared: Path, name: str):
    """Three of 2,765 clips; the published decoder puts them up to 40 cm off."""
    skeleton = load_skeleton("smpl22")
    bvh = read_bvh(shared / "data" / "bandai-namco" / "bvh" / f"{name}.bvh")
    joints_TJ3 = load_map("bandai-namco").joints_of(bvh, skeleton, skeleton.frames_per_second)
    features_TD = encode(joints_TJ3, skeleton, joints_TJ3[0])  # its own bones, so that all else is kept
    found = decode(features_TD, skeleton).numpy()
    assert unlike_up_to_the_start(found, joints_TJ3[:-1]) < 1e-3
    layout = FeatureLayout.of(skeleton)
    flaws = yaw_velocity_of(features_TD, layout) != features_TD[:, layout["root_yaw_velocity"]]
    assert int(flaws.sum()) == 1
