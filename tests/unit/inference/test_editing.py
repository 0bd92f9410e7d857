"""Editing: what stays, what is made, and the way from one to the other."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.seam import BLEND_FRAMES
from lamp_core.inference.editing import Gap, fill_gap
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.t2m.generator import MotionGenerator

Make = Callable[[Skeleton], MotionGenerator]
FRAMES = 34  # no whole number of tokens
GAPS = {
    "within": lambda clip: Gap.within(clip, 9, 20),
    "within, longer": lambda clip: Gap.within(clip, 9, 20, 18),
    "beginning": lambda clip: Gap.within(clip, 0, 14),
    "end": lambda clip: Gap.within(clip, 13, FRAMES),
    "nearly to the end": lambda clip: Gap.within(clip, 13, FRAMES - 4),
    "behind": lambda clip: Gap.behind(clip, 10),
    "in front": lambda clip: Gap.in_front(clip, 10),
    "between": lambda clip: Gap.between(clip[:15], clip[15:], 10),
}
MADE = {  # frames made, where they begin, frames in all
    "within": (12, 9, 34),
    "within, longer": (20, 9, 42),
    "beginning": (14, 0, 34),
    "end": (21, 13, 34),
    "nearly to the end": (16, 13, 34),
    "behind": (10, 34, 44),
    "in front": (10, 0, 44),
    "between": (12, 15, 46),
}


@pytest.fixture
def clip_TD(space: FeatureSpace) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(0, 0.1, (FRAMES, space.skeleton.feature_count)).astype(np.float32)


@pytest.mark.parametrize("name", GAPS)
def test_what_stays_is_the_given_motion_number_by_number(
    name: str, space: FeatureSpace, make_generator: Make, clip_TD: np.ndarray
) -> None:
    gap = GAPS[name](clip_TD)
    first, *others = fill_gap(make_generator(space.skeleton), space, gap, "a person kicks", 8, 0)
    assert (first.end - first.start, first.start, len(first.features_TD)) == MADE[name]
    for motion in (first, *others):
        assert np.array_equal(motion.features_TD[: motion.start], gap.before_TD)
        assert np.array_equal(motion.features_TD[motion.end :], gap.after_TD)
        assert np.isfinite(motion.features_TD).all()
    made = slice(first.start, first.end)
    # Each draws its few codes from the two likeliest, so that two alone may well be the same.
    assert not all(np.allclose(first.features_TD[made], other.features_TD[made]) for other in others)


def test_the_same_seed_makes_the_same_motion(
    space: FeatureSpace, make_generator: Make, clip_TD: np.ndarray
) -> None:
    generator, gap = make_generator(space.skeleton), Gap.within(clip_TD, 8, 24)
    made = [fill_gap(generator, space, gap, "a person kicks", seed=seed)[0].features_TD for seed in (3, 3, 4)]
    assert np.array_equal(made[0], made[1]) and not np.allclose(made[0], made[2])


def test_place_and_heading_go_on_across_both_borders(
    space: FeatureSpace, make_generator: Make, clip_TD: np.ndarray
) -> None:
    gap = Gap.within(clip_TD, 8, 24)
    motion = fill_gap(make_generator(space.skeleton), space, gap, "a person kicks")[0]
    given_TJ3, made_TJ3 = (
        decode(torch.tensor(features_TD), space.skeleton).numpy()
        for features_TD in (clip_TD, motion.features_TD)
    )
    np.testing.assert_allclose(made_TJ3[:8], given_TJ3[:8], atol=1e-5)
    # The rest is the given motion, moved as a whole over the floor: all distances and heights stay.
    rest, moved = given_TJ3[24:].reshape(-1, 3), made_TJ3[24:].reshape(-1, 3)
    np.testing.assert_allclose(moved[:, 1], rest[:, 1], atol=1e-4)
    for point in (0, 40):
        distances = [np.linalg.norm(points - points[point], axis=-1) for points in (moved, rest)]
        np.testing.assert_allclose(*distances, atol=2e-3)


def test_without_a_text_what_stays_behind_keeps_its_place(
    space: FeatureSpace, make_generator: Make, clip_TD: np.ndarray
) -> None:
    for frames in (None, 20):
        gap = Gap.within(clip_TD, 8, 24, frames)
        motion = fill_gap(make_generator(space.skeleton), space, gap)[0]
        given_TJ3, made_TJ3 = (
            decode(torch.tensor(features_TD), space.skeleton).numpy()
            for features_TD in (clip_TD, motion.features_TD)
        )
        np.testing.assert_allclose(made_TJ3[motion.end :], given_TJ3[24:], atol=2e-3)


def test_new_frames_leave_the_border_with_its_value_and_its_speed(
    space: FeatureSpace, make_generator: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = make_generator(space.skeleton)
    width = space.skeleton.feature_count
    slope_D = np.random.default_rng(2).normal(size=width).astype(np.float32)
    line_TD = np.arange(48, dtype=np.float32)[:, None] * slope_D + 5  # what is given: a straight line
    monkeypatch.setattr(
        generator.tokenizer,
        "decode",
        lambda codes, lengths: torch.zeros(len(codes), 4 * codes.shape[1], width),
    )
    flat = replace(space.statistics, mean_D=0 * space.statistics.mean_D)
    space = replace(space, statistics=flat)
    # With a text the way is free, so that nothing but the seam changes the root.
    made_TD = fill_gap(generator, space, Gap.within(line_TD, 16, 40), "a person kicks")[0].features_TD
    contacts = FeatureLayout.of(space.skeleton)["contacts"]
    free = np.ones(width, dtype=bool)
    free[contacts] = False
    bend_TD = np.abs(np.diff(made_TD[:, free], n=2, axis=0))
    for border in (15, 39):  # the last frame that is given, or made
        jump_D = np.abs(line_TD[border, free])  # where the frames of the tokenizer simply stood beside it
        assert (bend_TD[border - 1 : border + 1] < 0.1 * jump_D + np.abs(slope_D[free])).all()
    assert not made_TD[16 + BLEND_FRAMES : 40 - BLEND_FRAMES].any() and not made_TD[16:40, contacts].any()


@pytest.mark.parametrize(("before", "after"), [(100, 0), (0, 100), (100, 100), (100, 9), (6, 100)])
def test_a_motion_longer_than_the_models_know_is_seen_around_the_gap(
    space: FeatureSpace, make_generator: Make, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    generator, seen = make_generator(space.skeleton), []
    encode = generator.tokenizer.encode

    def record(features_1TD: torch.Tensor) -> torch.Tensor:
        seen.append(np.asarray(space.statistics.denormalise(features_1TD[0])))
        return encode(features_1TD)

    monkeypatch.setattr(generator.tokenizer, "encode", record)
    long_TD = np.random.default_rng(1).normal(size=(before + after, space.skeleton.feature_count))
    gap = Gap.between(long_TD[:before], long_TD[before:], 16)
    motion = fill_gap(generator, space, gap, "a person kicks")[0]
    assert len(motion.features_TD) == before + 16 + after
    assert sum(map(len, seen)) == 4 * (12 - 4)  # the longest motion has twelve tokens, the gap four
    if before:
        np.testing.assert_allclose(seen[0], long_TD[before - len(seen[0]) : before], atol=1e-5)
    if after:
        np.testing.assert_allclose(seen[-1], long_TD[before : before + len(seen[-1])], atol=1e-5)


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        (lambda clip: Gap.behind(clip, 3), "too short to be made; at least"),
        (lambda clip: Gap.behind(clip, 48), "too long to be made; up to"),
        (lambda clip: Gap.between(clip, clip, 44), "too long to be made; up to"),
        (lambda clip: Gap.within(clip, 2, 20), "only .* s would stay at one end"),
        (lambda clip: Gap.within(clip, 0, FRAMES), "`lamp generate` makes motion"),
    ],
)
def test_what_cannot_be_filled_is_said(
    gap: Callable[[np.ndarray], Gap],
    message: str,
    space: FeatureSpace,
    make_generator: Make,
    clip_TD: np.ndarray,
) -> None:
    with pytest.raises(LampError, match=message):
        fill_gap(make_generator(space.skeleton), space, gap(clip_TD))
