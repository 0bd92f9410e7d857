"""From seconds and files to what is to be made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.inference import generate as api
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.t2m.generator import MotionGenerator

DATA = Path("data")


@pytest.fixture
def clip_TD(
    space: FeatureSpace,
    make_generator: Callable[[Skeleton], MotionGenerator],
    monkeypatch: pytest.MonkeyPatch,
) -> np.ndarray:
    """Forty frames of the project whose models ``edit`` loads."""
    monkeypatch.setattr(FeatureSpace, "load", lambda _folder: space)
    monkeypatch.setattr(api, "loaded", lambda *_: make_generator(space.skeleton))
    return np.random.default_rng(0).normal(size=(40, space.skeleton.feature_count)).astype(np.float32)


def test_seconds_become_frames(clip_TD: np.ndarray, space: FeatureSpace) -> None:
    rate = space.skeleton.frames_per_second
    edited = api.edit(DATA, clip_TD, api.Place(span=(8 / rate, 24 / rate)), "a person kicks", count=2)
    assert (round(edited.start * rate), round(edited.end * rate)) == (8, 24)
    assert [len(joints) for joints in edited.joints] == [40, 40] and len(edited.given) == 1
    assert edited.joints[0].shape == (40, space.skeleton.joint_count, 3)
    # A motion has a frame more than its features: to the end of its last frame is to the end.
    end = api.edit(DATA, clip_TD, api.Place(span=(24 / rate, 41 / rate)), seconds=10 / rate)
    assert len(end.joints[0]) == 34 and round(end.end * rate) == 34
    beginning = api.edit(DATA, clip_TD, api.Place(span=(None, 24 / rate)), seconds=10 / rate)
    assert len(beginning.joints[0]) == 26 and beginning.start == 0


@pytest.mark.parametrize("place", [api.Place(after=True), api.Place(before=True)])
def test_a_length_is_estimated_from_the_text(
    clip_TD: np.ndarray, space: FeatureSpace, place: api.Place
) -> None:
    edited = api.edit(DATA, clip_TD, place, "a person kicks")
    made = round((edited.end - edited.start) * space.skeleton.frames_per_second)
    assert made % 4 == 0 and 4 <= made <= 4 * (12 - 3)  # a quarter of the longest is left for what is given
    assert len(edited.joints[0]) == 40 + made
    with pytest.raises(LampError, match="or a text to estimate it from"):
        api.edit(DATA, clip_TD, place)


def test_the_way_to_a_second_motion(clip_TD: np.ndarray, space: FeatureSpace) -> None:
    second_TD = clip_TD[:20]
    seconds = 8 / space.skeleton.frames_per_second
    edited = api.edit(DATA, clip_TD, api.Place(to_TD=second_TD), seconds=seconds)
    assert [len(joints) for joints in edited.given] == [40, 20]
    assert len(edited.joints[0]) == 68


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((3.0, 99.0), "the span 3:99 is no stretch of the motion, which lasts"),
        ((1.0, 1.0), "no stretch"),
        ((2.0, 1.0), "no stretch"),
        ((99.0, None), "the span 99: is no stretch"),
        ((1.0, 1.1), "the span lasts .* at least"),
    ],
)
def test_a_span_has_to_lie_in_the_motion(
    clip_TD: np.ndarray, span: tuple[float | None, float | None], message: str
) -> None:
    with pytest.raises(LampError, match=message):
        api.edit(DATA, clip_TD, api.Place(span=span))


def test_requests_that_mean_nothing(clip_TD: np.ndarray) -> None:
    for arguments in ({}, {"after": True, "before": True}, {"span": (1.0, 2.0), "to_TD": clip_TD}):
        with pytest.raises(LampError, match="say what to make"):
            api.Place(**arguments)
    with pytest.raises(LampError, match="the text is empty"):
        api.edit(DATA, clip_TD, api.Place(after=True), "  ")
    with pytest.raises(LampError, match="at least 1"):
        api.edit(DATA, clip_TD, api.Place(after=True), "a person kicks", count=0)


def test_bones_keep_their_lengths_but_for_positions(clip_TD: np.ndarray, space: FeatureSpace) -> None:
    space = replace(space, reference_J3=canonical_reference(space.skeleton))

    def spread(decoding: str) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FeatureSpace, "load", lambda _folder: space)
            joints_TJ3 = api.generate(DATA, "a person kicks", seconds=2.0, decoding=decoding).joints[0]
        bones = joints_TJ3[:, 1:] - joints_TJ3[:, list(space.skeleton.parents[1:])]
        lengths_TE = np.linalg.norm(bones, axis=-1)
        return float((lengths_TE.max(axis=0) / lengths_TE.min(axis=0)).max())

    assert spread("bones") == pytest.approx(1.0, abs=1e-3)
    assert spread("rotations") == pytest.approx(1.0, abs=1e-3)
    assert spread("positions") > 1.1
