import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.spatial.transform import Rotation

from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.metrics.reconstruction import (
    acceleration_error,
    frame_errors,
    heading_error,
    mpjpe,
    pa_mpjpe,
    part_mpjpe,
    part_roots,
    path_error,
    procrustes,
)
from lamp_core.skeleton.skeleton import load_skeleton


def clips(skeleton, lengths, seed, size=0.05):
    draws = np.random.default_rng(seed)
    return [draws.normal(0, size, (length, skeleton.feature_count)).astype(np.float32) for length in lengths]


def naive_mpjpe(true, reconstructed, skeleton):
    """Clip by clip, frame by frame, joint by joint."""
    errors = []
    for first, second in zip(true, reconstructed, strict=True):
        joints = [decode(torch.from_numpy(clip), skeleton).double().numpy() for clip in (first, second)]
        for frame in range(len(first)):
            one, other = (clip[frame] - clip[frame, 0] for clip in joints)
            errors.append(np.mean([np.linalg.norm(a - b) for a, b in zip(one, other, strict=True)]))
    return np.mean(errors) * skeleton.metres_per_unit * 1000


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_mpjpe_of_padded_batches_is_that_of_a_loop(name):
    skeleton = load_skeleton(name)
    lengths = [40, 8, 24, 12, 60]
    true, made = clips(skeleton, lengths, 0), clips(skeleton, lengths, 1)
    expected = naive_mpjpe(true, made, skeleton)
    assert mpjpe(true, made, skeleton) == pytest.approx(expected, rel=1e-5)
    assert mpjpe(true, made, skeleton, batch_clips=2) == pytest.approx(expected, rel=1e-5)


def test_every_frame_counts_the_same():
    skeleton = load_skeleton("smpl22")
    true, made = clips(skeleton, [40, 4], 0), clips(skeleton, [40, 4], 1)
    errors = np.concatenate(list(frame_errors(true, made, skeleton)))
    assert len(errors) == 44
    assert mpjpe(true, made, skeleton) == pytest.approx(errors.mean())


def test_a_raised_hand_is_an_error_in_millimetres():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8], 0)
    made = [true[0].copy()]
    made[0][:, 4 + 3 * (skeleton.index("left_wrist") - 1) + 1] += 0.11
    assert mpjpe(true, made, skeleton) == pytest.approx(110.0 / 22, rel=1e-3)


def test_where_the_pelvis_goes_is_no_error():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8], 0)
    moved = [true[0].copy()]
    moved[0][:, 1:3] += 0.5
    assert mpjpe(true, moved, skeleton) == pytest.approx(0.0, abs=1e-2)


def test_what_cannot_be_compared_is_named():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8, 12], 0)
    with pytest.raises(LampError, match="2 true and 1 reconstructed"):
        mpjpe(true, true[:1], skeleton)
    with pytest.raises(LampError, match="clip 1 has shape"):
        mpjpe(true, [true[0], true[0]], skeleton)
    with pytest.raises(LampError, match="found none"):
        mpjpe([], [], skeleton)
    broken = [true[0], np.full_like(true[1], np.nan)]
    with pytest.raises(LampError, match="clip 1 of 2 or its reconstruction is not finite"):
        mpjpe(true, broken, skeleton)


def joints_of(clip, skeleton):
    return decode(torch.from_numpy(clip), skeleton).double().numpy()


def aligned(pose, target):
    """The best similarity by scipy: the rotation of two sets of vectors, then the scale by least squares."""
    centred, wanted = pose - pose.mean(axis=0), target - target.mean(axis=0)
    turned = Rotation.align_vectors(wanted, centred)[0].apply(centred)
    return (turned * wanted).sum() / (turned**2).sum() * turned + target.mean(axis=0)


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
@pytest.mark.filterwarnings("ignore:Optimal rotation is not uniquely")
def test_pa_mpjpe_of_padded_batches_is_that_of_a_loop(name):
    skeleton = load_skeleton(name)
    true, made = clips(skeleton, [9, 4, 6], 0), clips(skeleton, [9, 4, 6], 1)
    errors = [
        np.linalg.norm(aligned(pose, target) - target, axis=1).mean()
        for first, second in zip(true, made, strict=True)
        for target, pose in zip(joints_of(first, skeleton), joints_of(second, skeleton), strict=True)
    ]
    expected = np.mean(errors) * skeleton.metres_per_unit * 1000
    assert pa_mpjpe(true, made, skeleton) == pytest.approx(expected, rel=1e-5)
    assert pa_mpjpe(true, made, skeleton, batch_clips=2) == pytest.approx(expected, rel=1e-5)
    assert pa_mpjpe(true, made, skeleton) < mpjpe(true, made, skeleton)


def test_procrustes_undoes_a_similarity_but_no_reflection():
    draws = np.random.default_rng(0)
    poses = draws.normal(size=(20, 22, 3))
    turns = Rotation.random(20, rng=draws).as_matrix()
    moved = 1.7 * poses @ turns.transpose(0, 2, 1) + draws.normal(size=(20, 1, 3))
    back = procrustes(torch.from_numpy(moved), torch.from_numpy(poses)).numpy()
    np.testing.assert_allclose(back, poses, atol=1e-12)
    mirrored = poses * np.array([-1.0, 1.0, 1.0])
    gap = procrustes(torch.from_numpy(mirrored), torch.from_numpy(poses)).numpy() - poses
    assert np.linalg.norm(gap, axis=-1).mean() > 0.1
    for pose, mirror in zip(poses, mirrored, strict=True):
        best = scipy.linalg.orthogonal_procrustes(mirror - mirror.mean(0), pose - pose.mean(0))[0]
        assert np.linalg.det(best) < 0, "the best orthogonal matrix is the mirror"


def test_a_pose_in_one_point_is_shifted_only():
    target = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 22, 3)))
    made = procrustes(torch.ones(1, 22, 3, dtype=torch.float64), target)
    np.testing.assert_allclose(made, target.mean(1, keepdim=True).expand_as(made), atol=1e-12)


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_acceleration_error_is_that_of_a_loop(name):
    skeleton = load_skeleton(name)
    lengths = [9, 2, 5, 12]
    true, made = clips(skeleton, lengths, 0), clips(skeleton, lengths, 1)
    errors = []
    for first, second in zip(true, made, strict=True):
        one, other = joints_of(first, skeleton), joints_of(second, skeleton)
        for frame in range(1, len(one) - 1):
            gap = [p[frame - 1] - 2 * p[frame] + p[frame + 1] for p in (one, other)]
            errors.append(np.linalg.norm(gap[0] - gap[1], axis=1).mean())
    assert len(errors) == 7 + 0 + 3 + 10
    expected = np.mean(errors) * skeleton.metres_per_unit * 1000
    assert acceleration_error(true, made, skeleton) == pytest.approx(expected, rel=1e-4)
    assert acceleration_error(true, made, skeleton, batch_clips=2) == pytest.approx(expected, rel=1e-4)


def test_a_steady_drift_is_no_acceleration():
    skeleton = load_skeleton("smpl22")
    true = [np.zeros((8, skeleton.feature_count), dtype=np.float32)]
    drifting = [true[0].copy()]
    drifting[0][:, 1:3] = 0.1
    assert acceleration_error(true, drifting, skeleton) == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(LampError, match="three consecutive frames"):
        acceleration_error([true[0][:2]], [drifting[0][:2]], skeleton)


def test_a_reconstruction_of_itself_has_no_error():
    skeleton = load_skeleton("kit21")
    true = clips(skeleton, [8, 12], 0)
    assert [
        measure(true, true, skeleton) for measure in (mpjpe, pa_mpjpe, acceleration_error)
    ] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_a_bent_finger_is_an_error_of_the_hands_alone():
    skeleton = load_skeleton("smplx52")
    true = clips(skeleton, [8, 5], 0)
    made = [clip.copy() for clip in true]
    for clip in made:
        clip[:, 4 + 3 * (skeleton.index("right_index3") - 1) + 1] += 0.06
    body = dict.fromkeys(range(22), 0)
    assert part_mpjpe(true, made, skeleton, body) == pytest.approx(0.0, abs=1e-3)
    for root_of in (dict.fromkeys(range(22, 52), 0), skeleton.fingers):
        assert part_mpjpe(true, made, skeleton, root_of) == pytest.approx(60.0 / 30, rel=1e-3)
    everything = dict.fromkeys(range(52), 0)
    assert part_mpjpe(true, made, skeleton, everything) == pytest.approx(mpjpe(true, made, skeleton))


def test_body_and_hands_are_all_joints_and_a_body_alone_has_no_parts():
    parts = part_roots(load_skeleton("smplx52"))
    assert sorted([*parts["body"], *parts["hands"]]) == list(range(52))
    assert set(parts["fingers"]) == set(parts["hands"]) and set(parts["fingers"].values()) == {20, 21}
    assert part_roots(load_skeleton("smpl22")) == part_roots(load_skeleton("kit21")) == {}


def test_a_hand_that_is_elsewhere_is_shaped_the_same():
    skeleton = load_skeleton("smplx52")
    true = clips(skeleton, [8], 0)
    made = [true[0].copy()]
    for joint in [skeleton.index("left_wrist"), *(j for j, w in skeleton.fingers.items() if w == 20)]:
        made[0][:, 4 + 3 * (joint - 1)] += 0.1
    assert skeleton.index("left_wrist") == 20
    assert part_mpjpe(true, made, skeleton, skeleton.fingers) == pytest.approx(0.0, abs=1e-3)
    of_pelvis = part_mpjpe(true, made, skeleton, dict.fromkeys(skeleton.fingers, 0))
    assert of_pelvis == pytest.approx(50.0, rel=1e-3)


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_a_missing_turn_is_an_error_in_degrees(name):
    skeleton = load_skeleton(name)
    true = [
        np.zeros((11, skeleton.feature_count), np.float32),
        np.zeros((1, skeleton.feature_count), np.float32),
    ]
    true[0][:, 0] = np.radians(9) / 2  # 9 degrees a frame
    made = [np.zeros_like(clip) for clip in true]
    assert heading_error(true, true, skeleton) == pytest.approx(0, abs=1e-4)
    assert heading_error(true, made, skeleton) == pytest.approx(9 * np.arange(11).sum() / 12, rel=1e-4)
    made[0][:, 0] = -np.radians(171) / 2  # half a turn apart in every frame: 180, 0, 180 ...
    assert heading_error(true, made, skeleton) == pytest.approx(180 * 5 / 12, rel=1e-3)


def test_a_missing_way_is_an_error_in_centimetres():
    for name in ("smpl22", "kit21"):
        skeleton = load_skeleton(name)
        true = [np.zeros((11, skeleton.feature_count), np.float32)]
        true[0][:, 2] = 0.02 / skeleton.metres_per_unit
        made = [np.zeros_like(clip) for clip in true]
        assert path_error(true, true, skeleton) == pytest.approx(0, abs=1e-4)
        assert path_error(true, made, skeleton) == pytest.approx(10, rel=1e-4)  # 2 cm a frame, 10 on average


def test_faults_of_heading_and_path_are_those_of_mpjpe():
    skeleton = load_skeleton("smpl22")
    for error in (heading_error, path_error):
        with pytest.raises(LampError, match="they have to be pairs"):
            error(clips(skeleton, [8, 8], 0), clips(skeleton, [8], 1), skeleton)
        with pytest.raises(LampError, match="needs at least one frame"):
            error([], [], skeleton)
