import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.completion import completion_errors, key_pose_errors
from lamp_core.skeleton.skeleton import load_skeleton

SMPL, KIT = load_skeleton("smpl22"), load_skeleton("kit21")


def motions(lengths, seed, skeleton=SMPL):
    draws = np.random.default_rng(seed)
    return [draws.normal(size=(length, skeleton.joint_count, 3)) for length in lengths]


def flags(length, *given):
    return np.isin(np.arange(length), given)


def naive(true, made, given, skeleton):
    """Clip by clip, frame by frame, joint by joint; centimetres."""
    scale = 100 * skeleton.metres_per_unit
    rows = []
    for one, other, known in zip(true, made, given, strict=True):
        frames, joints = len(one), range(skeleton.joint_count)

        def pose(motion, t, joint):
            return motion[t, joint] - motion[t, 0]

        recon = [
            [np.linalg.norm(pose(one, t, j) - pose(other, t, j)) for j in joints]
            for t in range(frames)
            if known[t]
        ]
        vel = [
            [np.linalg.norm((one[t + 1, j] - one[t, j]) - (other[t + 1, j] - other[t, j])) for j in joints]
            for t in range(frames - 1)
            if known[t] or known[t + 1]
        ]
        added = [
            [np.linalg.norm(one[t, j] - other[t, j]) for j in joints] for t in range(frames) if not known[t]
        ]
        row = {}
        for name, values in {"Recon": recon, "Vel": vel, "ADE": added, "FDE": added[-1:]}.items():
            row[name] = scale * np.mean([np.mean(frame) for frame in values])
            row[f"{name} summed"] = scale * np.mean([np.sum(frame) for frame in values])
        rows.append(row)
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("skeleton", [SMPL, KIT])
def test_every_number_is_that_of_a_loop(skeleton):
    true, made = motions([9, 6, 14], 0, skeleton), motions([9, 6, 14], 1, skeleton)
    given = [flags(9, 0, 1), flags(6, 5), flags(14, 0, 6, 7, 13)]
    assert completion_errors(true, made, given, skeleton) == pytest.approx(naive(true, made, given, skeleton))


def test_legacy_is_the_flattened_vector_in_metres():
    true, made = motions([9, 6], 0), motions([9, 6], 1)
    given = [flags(9, 0, 1), flags(6, 0)]
    measured = completion_errors(true, made, given, SMPL, legacy=True)
    gaps = [
        (one - other)[~known].reshape(-1, 66) for one, other, known in zip(true, made, given, strict=True)
    ]
    assert measured["ADE legacy"] == pytest.approx(
        np.mean([np.linalg.norm(gap, axis=1).mean() for gap in gaps])
    )
    assert measured["FDE legacy"] == pytest.approx(np.mean([np.linalg.norm(gap[-1]) for gap in gaps]))
    assert "ADE legacy" not in completion_errors(true, made, given, SMPL)


def test_a_shifted_end_is_a_displacement_but_no_error_of_the_poses():
    true = motions([10], 0)
    made = [true[0].copy()]
    made[0][4:] += [0.3, 0.0, 0.4]
    measured = completion_errors(true, made, [flags(10, 0, 1, 9)], SMPL)
    assert (measured["Recon"], measured["FDE"]) == pytest.approx((0.0, 50.0))
    assert measured["ADE"] == pytest.approx(50.0 * 5 / 7)
    assert measured["ADE summed"] == pytest.approx(22 * measured["ADE"])
    assert measured["Vel"] == pytest.approx(0.0, abs=1e-9)


def test_the_right_completion_has_no_error_in_any_order():
    true = motions([10, 7], 0)
    given = [flags(10, 0, 4), flags(7, 6)]
    assert completion_errors(true, true, given, SMPL) == pytest.approx(
        dict.fromkeys(naive(true, true, given, SMPL), 0)
    )
    made = motions([10, 7], 1)
    backwards = completion_errors(true[::-1], made[::-1], given[::-1], SMPL)
    assert backwards == pytest.approx(completion_errors(true, made, given, SMPL))


def test_key_poses_are_found_where_they_are():
    true, made = motions([8], 0), motions([30], 1)
    made[0][11:14] = true[0][2:5] + 7.0
    made[0][20:23] = true[0][5:8] - 3.0
    measured = key_pose_errors(true, made, [[3, 6]], SMPL)
    assert list(measured) == ["Recon", "Recon summed", "Vel", "Vel summed"]
    assert list(measured.values()) == pytest.approx([0.0] * 4, abs=1e-9)


def test_key_poses_are_those_of_a_loop():
    true, made = motions([8, 5], 0), motions([12, 9], 1)
    keys = [[0, 4], [4]]
    recon, vel = [], []
    for one, other, wanted in zip(true, made, keys, strict=True):
        gaps, steps = [], []
        for key in wanted:
            poses = [other[t] - other[t, :1] for t in range(len(other))]
            distances = [np.linalg.norm(pose - (one[key] - one[key, :1])) for pose in poses]
            found = int(np.argmin(distances))
            gaps.append(np.linalg.norm(poses[found] - (one[key] - one[key, :1]), axis=1).mean())
            for side in (-1, 1):
                if 0 <= key + side < len(one) and 0 <= found + side < len(other):
                    gap = (one[key + side] - one[key]) - (other[found + side] - other[found])
                    steps.append(np.linalg.norm(gap, axis=1).mean())
        recon.append(np.mean(gaps))
        vel.append(np.mean(steps))
    measured = key_pose_errors(true, made, keys, SMPL)
    assert measured["Recon"] == pytest.approx(100 * np.mean(recon))
    assert measured["Vel"] == pytest.approx(100 * np.mean(vel))


def test_of_some_joints_the_errors_are_theirs_from_their_roots():
    true, made = motions([9, 6], 0), motions([9, 6], 1)
    given = [flags(9, 0, 1), flags(6, 5)]
    arms = {16: 20, 18: 20}
    found = completion_errors(true, made, given, SMPL, root_of=arms)
    gaps = [one - other for one, other in zip(true, made, strict=True)]
    added = [
        np.linalg.norm(gap[~flag][:, list(arms)], axis=-1).mean()
        for gap, flag in zip(gaps, given, strict=True)
    ]
    told = [
        np.linalg.norm((gap[:, list(arms)] - gap[:, [20]])[flag], axis=-1).mean()
        for gap, flag in zip(gaps, given, strict=True)
    ]
    assert found["ADE"] == pytest.approx(100 * np.mean(added))
    assert found["Recon"] == pytest.approx(100 * np.mean(told))
    every = dict.fromkeys(range(22), 0)
    assert completion_errors(true, made, given, SMPL, root_of=every) == pytest.approx(
        completion_errors(true, made, given, SMPL)
    )


def test_the_frame_of_a_key_pose_is_that_of_the_whole_pose():
    true, made = motions([8], 0), motions([30], 1)
    made[0][11:14] = true[0][2:5] + 7.0  # but for the last joint, which is nearer elsewhere
    made[0][11:14, -1] += 0.1
    made[0][20, -1] = made[0][20, 0] + true[0][3, -1] - true[0][3, 0]
    found = key_pose_errors(true, made, [[3]], SMPL, {21: 0})
    assert found["Recon"] == pytest.approx(100 * np.sqrt(3) * 0.1)
    rest = key_pose_errors(true, made, [[3]], SMPL, dict.fromkeys(range(21), 0))
    assert rest["Recon"] == pytest.approx(0.0, abs=1e-9)


def test_what_does_not_fit_is_named():
    true = motions([8, 6], 0)
    known = [flags(8, 0), flags(6, 0)]
    with pytest.raises(LampError, match="2 true clips, 1 completed"):
        completion_errors(true, true[:1], known, SMPL)
    with pytest.raises(LampError, match=r"clip 1 has shape \(6, 22, 3\), its completion \(5, 22, 3\)"):
        completion_errors(true, [true[0], true[1][:5]], known, SMPL)
    with pytest.raises(LampError, match="every frame of clip 1 was given"):
        completion_errors(true, true, [flags(8, 0), np.ones(6, bool)], SMPL)
    with pytest.raises(LampError, match="clip 0 of 8 frames has 0 given ones among 8 flags"):
        completion_errors(true, true, [flags(8), flags(6, 0)], SMPL)
    with pytest.raises(LampError, match="clip 1 of 6 frames has 1 given ones among 7 flags"):
        completion_errors(true, true, [flags(8, 0), flags(7, 0)], SMPL)
    broken = [true[0], np.full_like(true[1], np.inf)]
    with pytest.raises(LampError, match="clip 1 or its completion is not finite"):
        completion_errors(true, broken, known, SMPL)
    with pytest.raises(LampError, match=r"clip 0 of 8 frames has the key poses \[8\]"):
        key_pose_errors(true, true, [[8], [0]], SMPL)
    with pytest.raises(LampError, match=r"smpl22 has \(frames, 22, 3\)"):
        key_pose_errors(true, [motion[:, 1:] for motion in true], [[0], [0]], SMPL)
