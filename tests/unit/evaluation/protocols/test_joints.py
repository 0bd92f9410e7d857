"""Plausibility and completion as rows, by systems whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.features import moving_clip
from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import metric_of
from lamp_core.evaluation.protocols.joints import (
    evaluate_completion,
    evaluate_plausibility,
    features_of,
    first_given,
    in_world,
    interpolated,
    joints_of,
    masked_at_random,
)
from lamp_core.features.anchor import anchored
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.metrics.body_limits import LIMITS
from lamp_core.metrics.bones import BODY
from lamp_core.metrics.plausibility import PLAUSIBILITY, plausibility
from lamp_core.skeleton.kinematics import canonical_reference
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, SKELETON, STATISTICS, CodeEvaluator

SOME = ITEMS[:12]
REFERENCE = canonical_reference(SKELETON)


def table(rows):
    return {(row.system, row.protocol.split(",")[0], row.metric): row for row in rows}


def complete_with(change):
    def complete(captions, motions, given, seed):
        assert [int(caption.words[-1]) for caption in captions] == list(range(len(motions)))
        return [change(motion, flags) for motion, flags in zip(motions, given, strict=True)]

    return complete


def evaluate(**systems):
    return evaluate_completion(SOME, systems, SKELETON, STATISTICS, SETTINGS)


def test_joints_of_many_clips_are_those_of_each():
    features = [item.features_TD for item in SOME]
    for clip, joints in zip(features, joints_of(features, SKELETON), strict=True):
        np.testing.assert_allclose(joints, decode(torch.from_numpy(clip), SKELETON).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("tokens", "share", "expected"), [(10, 0.2, 2), (2, 0.9, 1), (2, 0.01, 1), (49, 0.2, 10)]
)
def test_a_prediction_is_given_the_first_tokens_and_something_is_left(tokens, share, expected):
    given = first_given(tokens, share)
    assert given.tolist() == [True] * 4 * expected + [False] * 4 * (tokens - expected)


def test_half_of_the_tokens_is_masked_and_differently_each_time():
    draws = np.random.default_rng(0)
    masks = [masked_at_random(20, 0.5, draws) for _ in range(50)]
    for mask in masks:
        assert mask.sum() == 40
        assert (mask.reshape(20, 4).sum(axis=1) % 4 == 0).all()
    assert len({mask.tobytes() for mask in masks}) > 45
    assert np.mean(masks, axis=0).reshape(20, 4)[:, 0].tolist() == pytest.approx([0.5] * 20, abs=0.25)


def test_interpolation_is_that_of_numpy():
    draws = np.random.default_rng(1)
    motion, given = draws.normal(size=(32, 5, 3)), masked_at_random(8, 0.5, draws)
    frames = np.arange(32)
    for joint in range(5):
        for axis in range(3):
            expected = np.interp(frames, frames[given], motion[given, joint, axis])
            np.testing.assert_allclose(interpolated(motion, given)[:, joint, axis], expected)
    held = interpolated(motion, first_given(8, 0.5))
    np.testing.assert_allclose(held[16:], np.broadcast_to(motion[15], (16, 5, 3)))


def test_a_perfect_completion_has_no_error_and_the_floor_has_some():
    found = table(evaluate(perfect=complete_with(lambda motion, flags: motion)))
    for protocol in ("prediction", "in-betweening"):
        for metric in ("ADE", "FDE", "Recon", "Vel", "ADE summed"):
            row = found["perfect", protocol, metric]
            assert row.value == pytest.approx(0.0, abs=1e-3)
            assert (row.repeats, row.items) == (SETTINGS.completions, len(SOME))
        assert found["interpolation", protocol, "ADE"].value > 1.0
        assert found["interpolation", protocol, "Recon"].value == pytest.approx(0.0, abs=1e-6)


def test_a_completion_that_turns_and_travels_elsewhere_is_measured_by_its_poses():
    """The drift of the root in a gap is no error: the poses on both sides say where it leads."""

    def drifting(motion, flags):
        features = np.array(STATISTICS.denormalise(motion))
        features[~flags, 0] += 0.05
        features[~flags, 1:3] += 0.2
        return STATISTICS.normalise(features)

    found = table(evaluate(drifting=complete_with(drifting)))
    # A gap at the beginning has no pose in front, one at the end none behind: their drift stays.
    between = found["drifting", "in-betweening", "ADE"].value
    assert 0.0 < between < 0.5 * found["drifting", "prediction", "ADE"].value


class Watching(CodeEvaluator):
    """Keeps the motions that it embedded."""

    def __init__(self, items):
        super().__init__(items)
        self.seen = []

    def embed_motions(self, motions):
        self.seen += list(motions)
        return super().embed_motions(motions)


def test_an_evaluator_sees_every_row_and_changes_no_other():
    systems = {"perfect": complete_with(lambda motion, flags: motion)}
    asked = (ITEMS, systems, SKELETON, STATISTICS, SETTINGS)
    found = evaluate_completion(*asked, evaluator=CodeEvaluator(ITEMS))
    assert [row for row in found if row.evaluator == "none"] == evaluate_completion(*asked)
    seen = table(row for row in found if row.evaluator == "perfect")
    assert all(metric_of(row) is not None for row in found)
    for protocol in ("prediction", "in-betweening"):
        names = {system for system, of, metric in seen if of == protocol and metric == "FID"}
        assert names == {"interpolation", "perfect", "truth, other half"}
        assert seen["perfect", protocol, "FID"].value == pytest.approx(0, abs=1e-4)
        assert seen["interpolation", protocol, "FID"].value > 0.01
        assert seen["interpolation", protocol, "Diversity"].measured
        assert seen["interpolation", protocol, "FID"].items == len(ITEMS)


def test_the_floor_is_embedded_by_the_features_of_its_joints():
    joints_TJ3 = moving_clip(SKELETON, 40, np.random.default_rng(0))
    raw_TD = encode(joints_TJ3, SKELETON, REFERENCE).numpy()
    made_TD = features_of(joints_TJ3, SKELETON, STATISTICS, REFERENCE, 40)
    np.testing.assert_allclose(made_TD[:39], STATISTICS.normalise(raw_TD), atol=1e-5)
    np.testing.assert_array_equal(made_TD[39], made_TD[38])


def test_a_floor_without_features_is_left_out_and_counted():
    still = [replace(item, features_TD=np.repeat(item.features_TD[:1], 40, axis=0)) for item in SOME]
    for item in still:  # the root neither turns nor goes: no joint moves, which has no features
        item.features_TD[:, :3] = 0.0
    systems = {"perfect": complete_with(lambda motion, flags: motion)}
    asked = (still, systems, SKELETON, STATISTICS, SETTINGS)
    found = table(evaluate_completion(*asked, evaluator=CodeEvaluator(SOME)))
    row = found["interpolation", "prediction", "FID"]
    assert not row.measured and f"{len(SOME)} of {len(SOME)} motions not finite, left out" in row.note
    assert found["interpolation", "prediction", "ADE"].value == pytest.approx(0.0, abs=1e-3)


def test_what_is_embedded_is_what_is_measured():
    """The root of a gap is led to the pose behind it before either."""

    def drifting(motion, flags):
        features = np.array(STATISTICS.denormalise(motion))
        features[~flags, 1:3] += 0.2
        return np.asarray(STATISTICS.normalise(features), dtype=np.float32)

    judge, made, told = Watching(SOME), [], []

    def complete(captions, motions, given, seed):
        told[:] = given
        made[:] = [drifting(motion, flags) for motion, flags in zip(motions, given, strict=True)]
        return made

    evaluate_completion(SOME, {"drifting": complete}, SKELETON, STATISTICS, SETTINGS, evaluator=judge)
    for item, made_TD, seen_TD, given_T in zip(SOME, made, judge.seen[-len(SOME) :], told, strict=True):
        led_TD = anchored(STATISTICS.denormalise(made_TD), item.features_TD, given_T)
        np.testing.assert_allclose(STATISTICS.denormalise(seen_TD), led_TD, atol=1e-5)
        assert not np.allclose(seen_TD, made_TD, atol=1e-3)


def test_the_world_is_that_of_the_first_given_pose():
    true = joints_of([SOME[0].features_TD], SKELETON)[0]
    given = np.arange(len(true)) >= 8
    turned = np.stack([-true[..., 2] + 3.0, true[..., 1], true[..., 0] - 1.0], axis=-1)
    np.testing.assert_allclose(in_world(turned, true, given), true, atol=1e-4)


def test_protocols_say_what_was_given():
    rows = evaluate()
    assert {row.protocol for row in rows} == {
        "prediction, first 20% given",
        "in-betweening, 50% masked, given poses fix the path",
    }
    assert {row.evaluator for row in rows} == {"none"}


def test_what_is_given_and_what_is_missing_is_told_to_the_system():
    seen = []

    def keep(motion, flags):
        seen.append(flags)
        return motion

    evaluate(system=complete_with(keep))
    predicted = seen[: len(SOME) * SETTINGS.completions]
    assert all(flags[0] and not flags[-1] for flags in predicted)
    assert len(seen) == 2 * len(SOME) * SETTINGS.completions


def test_broken_completions_are_left_out_and_counted():
    def broken(motion, flags):
        return motion * (np.nan if motion is broken.first else 1.0)

    def complete(captions, motions, given, seed):
        broken.first = motions[0]
        return [broken(motion, flags) for motion, flags in zip(motions, given, strict=True)]

    row = table(evaluate(broken=complete))["broken", "prediction", "ADE"]
    assert row.measured
    assert f"repeat 1: 1 of {len(SOME)} motions not finite, left out" in row.note


def test_a_completion_of_another_length_gets_a_word_and_no_number():
    row = table(evaluate(short=complete_with(lambda motion, flags: motion[:-4])))[
        "short", "prediction", "ADE"
    ]
    assert not row.measured
    assert "its completion" in row.note


def test_true_and_made_motion_stand_side_by_side():
    half = {"half": lambda test: [0.5 * motion for motion in test.motions]}
    rows = evaluate_plausibility(SOME, half, SKELETON, STATISTICS, REFERENCE)
    every = len(PLAUSIBILITY) + len(BODY) + len(LIMITS)
    assert [row.system for row in rows[::every]] == ["ground truth", "half"]
    found = table(rows)
    for metric in BODY:
        assert found["ground truth", "plausibility", metric].measured
    expected = plausibility(joints_of([item.features_TD for item in SOME], SKELETON), SKELETON)
    found = table(rows)
    for metric in PLAUSIBILITY:
        row = found["ground truth", "plausibility", metric]
        if np.isfinite(expected[metric]):
            assert row.value == pytest.approx(expected[metric], rel=1e-4, abs=1e-6)
        else:
            assert not row.measured


def test_motions_that_never_touch_the_floor_get_a_word_for_their_feet():
    def lifted(test):
        motions = [np.array(STATISTICS.denormalise(motion)) for motion in test.motions]
        for motion in motions:
            motion[:, 3] += 50.0
            motion[:, 5:67:3] += 50.0
        return [STATISTICS.normalise(motion) for motion in motions]

    found = table(evaluate_plausibility(SOME, {"lifted": lifted}, SKELETON, STATISTICS, REFERENCE))
    assert found["lifted", "plausibility", "floating"].value > 40_000
    row = found["lifted", "plausibility", "foot skating in contact"]
    assert not row.measured
    assert row.note.startswith("not measured: there is nothing")


def test_a_system_that_loses_motions_is_named():
    with pytest.raises(LampError, match="short returned 1 motions for 12 items"):
        evaluate(short=lambda captions, motions, given, seed: motions[:1])
    with pytest.raises(LampError, match="no items to evaluate"):
        evaluate_plausibility([], {}, SKELETON, STATISTICS, REFERENCE)
