from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.features import moving_clip, moving_clips, naive_encode
from lamp_core.errors import LampError, RejectedClip
from lamp_core.features import encode as encode_module
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode, encode_batch
from lamp_core.features.facing import SMOOTHING_RADIUS
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.mapping import load_map
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

THRESHOLD_MARGIN = 1e-6  # squared speeds this near to the contact threshold may fall on either side


def assert_same_features(
    ours: np.ndarray, expected: np.ndarray, skeleton: Skeleton, tolerance: float
) -> None:
    """Equal to `tolerance` of the largest value; contacts exactly, but where speed is at the threshold."""
    layout = FeatureLayout.of(skeleton)
    assert ours.shape == expected.shape
    moving, contacts = slice(0, layout["contacts"].start), layout["contacts"]
    largest = np.abs(expected).max()
    np.testing.assert_allclose(ours[:, moving], expected[:, moving], atol=tolerance * largest, rtol=0)
    velocities = expected[:, layout["velocities"]].reshape(len(expected), -1, 3)[:, list(skeleton.feet)]
    clear = np.abs(np.square(velocities).sum(-1) - skeleton.contact_threshold) > THRESHOLD_MARGIN
    np.testing.assert_array_equal(ours[:, contacts][clear], expected[:, contacts][clear])


def test_golden_features(shared: Path, skeleton: Skeleton):
    golden = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    clips = [golden[f"{name}/joints"] for name in golden["names"]]
    for name, ours in zip(
        golden["names"], encode_batch(clips, skeleton, golden["reference_joints"]), strict=True
    ):
        assert ours.dtype == torch.float32
        assert_same_features(ours.numpy(), golden[f"{name}/features"], skeleton, 1e-4)


def test_published_clip(shared: Path):
    """The published joints were made from the published features, so they have one frame fewer than the first
    source.

    What does not depend on the missing frame must agree everywhere: heights, contacts, and the rotations that
    are measured from another bone. The smoothed facing looks ahead by the smoothing's radius, so whatever is
    seen from it (root, positions, velocities, the first rotation of each chain) must agree up to that far
    before the end.
    """
    skeleton = load_skeleton("smpl22")
    layout = FeatureLayout.of(skeleton)
    folder = shared / "data" / "humanml3d-sample"
    joints = np.load(folder / "new_joints" / "012314.npy")
    expected = np.load(folder / "new_joint_vecs" / "012314.npy")[:-1]
    ours = encode(joints, skeleton, joints[0]).numpy()
    assert len(expected) > 2 * SMOOTHING_RADIUS
    untouched = slice(0, len(joints) - 1 - SMOOTHING_RADIUS)
    assert_same_features(ours[untouched], expected[untouched], skeleton, 1e-5)
    for name in ("root_height", "contacts"):
        np.testing.assert_allclose(ours[:, layout[name]], expected[:, layout[name]], atol=1e-5)
    from_bone = [joint - 1 for joint, parent in enumerate(skeleton.chain_parents) if parent != 0]
    rotations = [
        table[:, layout["rotations"]].reshape(len(table), -1, 6)[:, from_bone] for table in (ours, expected)
    ]
    np.testing.assert_allclose(*rotations, atol=2e-5)
    heights = [table[:, layout["positions"]][:, 1::3] for table in (ours, expected)]
    np.testing.assert_allclose(*heights, atol=1e-5)


def test_agrees_with_the_plain_code(skeleton: Skeleton):
    reference = canonical_reference(skeleton)
    clips = moving_clips(skeleton, 600, seed=4)
    for clip, ours in zip(clips, encode_batch(clips, skeleton, reference), strict=True):
        assert_same_features(ours.numpy(), naive_encode(clip, skeleton, reference), skeleton, 2e-5)


def test_clips_of_a_batch_do_not_touch_each_other(skeleton: Skeleton, monkeypatch: pytest.MonkeyPatch):
    reference = canonical_reference(skeleton)
    clips = [
        *moving_clips(skeleton, 300, seed=5),
        *(clip[:2] for clip in moving_clips(skeleton, 300, seed=6)),
    ]
    alone = [encode(clip, skeleton, reference) for clip in clips]
    for block_frames in (1, 150, 10_000):
        monkeypatch.setattr(encode_module, "BLOCK_FRAMES", block_frames)
        for one, batched in zip(alone, encode_batch(clips, skeleton, reference), strict=True):
            assert batched.shape == one.shape
            torch.testing.assert_close(batched, one, atol=1e-5 / skeleton.metres_per_unit, rtol=1e-5)


def test_empty_batch_and_tensors_are_fine(skeleton: Skeleton):
    reference = canonical_reference(skeleton)
    assert encode_batch([], skeleton, reference) == []
    clip = moving_clip(skeleton, 5, np.random.default_rng(0))
    from_tensor = encode(torch.from_numpy(clip).double(), skeleton, torch.from_numpy(reference))
    torch.testing.assert_close(from_tensor, encode(clip, skeleton, reference))


def test_place_facing_and_size_of_the_source_do_not_matter(skeleton: Skeleton):
    reference = canonical_reference(skeleton)
    clip = moving_clip(skeleton, 50, np.random.default_rng(0)).astype(np.float64)
    cosine, sine = np.cos(2.0), np.sin(2.0)
    turned = clip @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    moved = 1.3 * turned + np.array([3.0, -2.0, 5.0]) / skeleton.metres_per_unit
    plain, other = encode(clip, skeleton, reference), encode(moved, skeleton, reference)
    tolerance = 1e-5 * float(plain.abs().max())
    torch.testing.assert_close(other, plain, atol=max(tolerance, 1e-5), rtol=0)


def test_features_of_recovered_joints_are_stable(skeleton: Skeleton):
    """Recovered joints are a frame shorter, which the smoothing sees only towards the end.

    (As long as nobody turns past straight back, where the published yaw velocity is wrong.)
    """
    reference = canonical_reference(skeleton)
    layout = FeatureLayout.of(skeleton)
    first = encode(moving_clip(skeleton, 130, np.random.default_rng(8)), skeleton, reference)
    second = encode(decode(first, skeleton), skeleton, reference)
    assert len(second) == len(first) - 1
    untouched = slice(0, len(second) - SMOOTHING_RADIUS)
    moving = slice(0, layout["contacts"].start)
    tolerance = 1e-4 * float(first.abs().max())
    torch.testing.assert_close(
        second[untouched, moving], first[:-1][untouched, moving], atol=tolerance, rtol=0
    )


def facing_straight_back(skeleton: Skeleton, frames: int = 30) -> np.ndarray:
    """A gliding rest pose, turned by exactly half a turn from its second frame on."""
    rest = canonical_reference(skeleton)
    joints = np.repeat(rest[None], frames, axis=0)
    joints[1:] *= np.array([-1, 1, -1], np.float32)
    joints[..., 2] += np.arange(frames, dtype=np.float32)[:, None] * rest[0, 1] / 10
    return joints


def test_body_that_faces_exactly_backwards_has_finite_features(skeleton: Skeleton):
    """The published procedure turns such a clip into NaN: the quaternion from -Z to +Z is 0/0."""
    clip = facing_straight_back(skeleton)
    with np.errstate(invalid="ignore"):
        assert np.isnan(naive_encode(clip, skeleton, canonical_reference(skeleton))).any()
    features = encode(clip, skeleton, canonical_reference(skeleton))
    assert bool(torch.isfinite(features).all())
    assert bool(torch.isfinite(decode(features, skeleton)).all())


def test_bone_that_points_exactly_against_its_direction_has_finite_features(skeleton: Skeleton):
    clip = moving_clip(skeleton, 30, np.random.default_rng(0))
    rest = canonical_reference(skeleton)
    walk = np.repeat(rest[None], len(clip), axis=0)
    walk[..., 2] += np.arange(len(clip), dtype=np.float32)[:, None] * rest[0, 1] / 10
    wrist, elbow = skeleton.index("left_wrist"), skeleton.index("left_elbow")
    walk[:, wrist] = walk[:, elbow] - np.array(skeleton.directions[wrist], np.float32) * rest[0, 1] / 4
    features = encode(walk, skeleton, rest)
    assert bool(torch.isfinite(features).all())
    rotations = features[:, FeatureLayout.of(skeleton)["rotations"]].reshape(-1, 2, 3)
    torch.testing.assert_close(rotations.norm(dim=-1), torch.ones_like(rotations[..., 0]), atol=1e-5, rtol=0)


def test_bones_without_length_have_finite_features(skeleton: Skeleton):
    clip = moving_clip(skeleton, 30, np.random.default_rng(0))
    clip[:, skeleton.index("left_wrist")] = clip[:, skeleton.index("left_elbow")]
    clip[:, skeleton.index("neck")] = clip[:, skeleton.parents[skeleton.index("neck")]]
    assert bool(torch.isfinite(encode(clip, skeleton, canonical_reference(skeleton))).all())


def test_real_clip_that_the_published_procedure_loses(shared: Path):
    """In its 34th frame at 20 fps the walker faces -Z exactly, in single precision."""
    skeleton = load_skeleton("smpl22")
    bandai_namco = load_map("bandai-namco")

    def joints_of(name: str) -> np.ndarray:
        bvh = read_bvh(shared / "data" / "bandai-namco" / "bvh" / f"{name}.bvh")
        joints = bandai_namco.apply(bvh.joint_positions(), bvh.joint_names, skeleton)
        return resample(joints, bvh.frames_per_second, skeleton.frames_per_second).astype(np.float32)

    joints, reference = joints_of("BN2_walk_exhausted_004"), joints_of("BN2_walk_normal_001")[0]
    right_hip, left_hip, right_shoulder, left_shoulder = joints[:, skeleton.face].transpose(1, 0, 2)
    across = left_hip - right_hip + right_shoulder - left_shoulder
    assert across[33, 2] == 0 and across[33, 0] > 0
    with np.errstate(invalid="ignore"):
        assert np.isnan(naive_encode(joints, skeleton, reference)).any()
    features = encode(joints, skeleton, reference)
    assert bool(torch.isfinite(features).all())
    # Only that frame is special: with it moved by a millionth the published steps agree with ours.
    moved = joints.copy()
    moved[33, skeleton.index("left_shoulder"), 2] += 1e-6
    assert_same_features(features.numpy(), naive_encode(moved, skeleton, reference), skeleton, 1e-4)


def faulty_clips(skeleton: Skeleton) -> dict[str, np.ndarray]:
    clip = moving_clip(skeleton, 10, np.random.default_rng(0))
    broken, no_legs = clip.copy(), clip.copy()
    broken[4, 3, 1] = np.nan
    no_legs[0, skeleton.leg[0]] = no_legs[0, skeleton.parents[skeleton.leg[0]]]
    still = np.repeat(clip[:1], 10, axis=0)
    still[3] += 1e-7 / skeleton.metres_per_unit
    return {
        "joint-count": clip[:, 1:],
        "too-short": clip[:1],
        "not-finite": broken,
        "no-motion": still,
        "no-legs": no_legs,
    }


@pytest.mark.parametrize("reason", ["joint-count", "too-short", "not-finite", "no-motion", "no-legs"])
def test_faulty_clips_are_rejected(skeleton: Skeleton, reason: str):
    good = moving_clip(skeleton, 10, np.random.default_rng(1))
    for clips in ([faulty_clips(skeleton)[reason]], [good, faulty_clips(skeleton)[reason], good]):
        with pytest.raises(RejectedClip) as caught:
            encode_batch(clips, skeleton, canonical_reference(skeleton))
        assert caught.value.reason == reason
        assert caught.value.detail


def test_infinite_joint_is_named_by_its_frame(skeleton: Skeleton):
    clip = moving_clip(skeleton, 10, np.random.default_rng(0))
    clip[7, 0, 0] = np.inf
    with pytest.raises(RejectedClip, match="frame 7"):
        encode_batch([clip[:5], clip], skeleton, canonical_reference(skeleton))


def test_one_moving_joint_is_motion_even_when_it_comes_back(skeleton: Skeleton):
    clip = np.repeat(canonical_reference(skeleton)[None], 9, axis=0)
    clip[4, skeleton.index("left_wrist"), 0] += 0.1 / skeleton.metres_per_unit
    assert len(encode(clip, skeleton, canonical_reference(skeleton))) == 8


def test_wrong_reference_is_refused(skeleton: Skeleton):
    clip = moving_clip(skeleton, 10, np.random.default_rng(0))
    for reference in (clip[0, 1:], clip[0] * np.nan):
        with pytest.raises(LampError, match="reference"):
            encode(clip, skeleton, reference)
