"""What a user says of parts: read as it is meant, or refused with a line."""

import pytest

from lamp_core.errors import LampError
from lamp_core.inference.part_texts import read_part_texts, telling


def test_parts_and_their_texts() -> None:
    given = ["left_arm=waves = hello", " right_leg = kicks high "]
    assert read_part_texts(given) == {"left_arm": "waves = hello", "right_leg": "kicks high"}
    assert read_part_texts([]) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["left_arm"], "--part-text left_arm: give it as PART=TEXT, such as left_arm=waves"),
        (["=waves"], "--part-text =waves: give it as PART=TEXT"),
        (["left_arm= "], "say what left_arm does; give it as"),
        (["left_arm=..."], "say what left_arm does; give it as"),
        (["left_arm=waves", "left_arm=rests"], "says twice what left_arm does; say it once"),
    ],
)
def test_what_says_nothing_is_refused(given: list[str], told: str) -> None:
    with pytest.raises(LampError, match=told):
        read_part_texts(given)


def test_a_model_that_knows_no_parts_is_left_as_it_is_or_refused() -> None:
    model = object()
    assert telling(model, {}) is model
    with pytest.raises(LampError, match="takes no captions of parts; --model Large-Motion does"):
        telling(model, {"left_arm": "waves"})
