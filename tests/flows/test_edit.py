"""``lamp edit``: what it asks for, and what its page shows."""

from pathlib import Path

import numpy as np
import pytest

from flows.commands import edit as command
from flows.commands.motion_options import span_of
from lamp_core.errors import LampError
from lamp_core.inference import generate as api
from lamp_core.skeleton.skeleton import load_skeleton
from tests.toy import Toy

SKELETON = load_skeleton("smpl22")


def edited(given: list[int], made: int, start: float, end: float, count: int = 1) -> api.EditedMotions:
    random = np.random.default_rng(0)
    joints = [random.normal(size=(frames, 22, 3)) for frames in (*given, *[made] * count)]
    return api.EditedMotions(joints[: len(given)], joints[len(given) :], start, end, SKELETON)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1:2.5", (1.0, 2.5)),
        (":1", (None, 1.0)),
        ("3:", (3.0, None)),
        (" .5:2. ", (0.5, 2.0)),
        (":", (None, None)),
    ],
)
def test_a_span_is_from_and_to(text: str, span: tuple[float | None, float | None]) -> None:
    assert span_of("--span", text) == span


@pytest.mark.parametrize("text", ["", "1", "1-2", "a:b", "1:2:3", "-1:2", "1;2", "nan:2"])
def test_what_is_no_span_is_said(text: str) -> None:
    with pytest.raises(LampError, match="give it as FROM:TO in seconds"):
        span_of("--span", text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"after": True}, "give a motion file, or a clip"),
        ({"motion": Path("a.npy"), "clip": "b", "after": True}, "give a motion file, or a clip"),
        ({"motion": Path("a.npy")}, "say what to make"),
        ({"motion": Path("a.npy"), "after": True, "before": True}, "say what to make"),
        ({"motion": Path("a.npy"), "span": "1:2", "to": Path("b.npy")}, "say what to make"),
        ({"motion": Path("a.npy"), "after": True, "output": Path("out.txt")}, "unknown ending"),
        ({"motion": Path("a.npy"), "after": True}, r"features\.parquet is missing"),
    ],
)
def test_requests_that_cannot_be_met(toy: Toy, arguments: dict[str, object], message: str) -> None:
    nothing = {"motion": None, "clip": None, "span": None, "to": None, "text": None, "seconds": None}
    request = nothing | {"after": False, "before": False, "output": Path("out.npy")} | arguments
    with pytest.raises(LampError, match=message):
        command.edit(**request)


def test_the_page_shows_what_was_given_in_time_with_what_was_made() -> None:
    given, first, second = command._shown(edited([60], 60, 1.0, 2.0, count=2))
    assert [motion.title for motion in (given, first, second)] == ["given", "edited 1", "edited 2"]
    assert len(given.joints_TJ3) == 60 and first.made == (1.0, 2.0) and given.made is None
    given, _ = command._shown(edited([60], 100, 0.0, 2.0))  # forty frames in front
    assert np.array_equal(given.joints_TJ3[:41], given.joints_TJ3[:1].repeat(41, axis=0))
    assert len(given.joints_TJ3) == 100
    first, second, made = command._shown(edited([60, 30], 110, 3.0, 4.0))
    assert [motion.title for motion in (first, second, made)] == ["first", "second", "edited"]
    assert (len(first.joints_TJ3), len(second.joints_TJ3)) == (60, 110)
