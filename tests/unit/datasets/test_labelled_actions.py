"""Clips of an action, by their labels."""

import pytest

from lamp_core.datasets.labelled_actions import check_named, names_any
from lamp_core.errors import LampError


def test_an_action_is_a_word_of_a_label() -> None:
    labels = {"actions": "walk then jump", "style": "wave"}
    assert names_any(labels, "actions", ("jump",)) and names_any(labels, "actions", ("sit", "walk"))
    assert not names_any({"actions": "jumping_jack"}, "actions", ("jump",))
    assert not names_any(labels, "actions", ("wave",)) and not names_any(labels, "actions", ())
    assert not names_any({}, "actions", ("jump",))


def test_an_action_that_no_clip_has_is_told_with_those_that_are_there() -> None:
    labels = [{"actions": "walk"}, {"actions": "jump"}, {}]
    check_named(labels, "actions", ("jump", "walk"), "x.held_out")
    with pytest.raises(
        LampError, match=r"x\.held_out: no clip has 'fly' in its label actions; known: jump, w"
    ):
        check_named(labels, "actions", ("jump", "fly"), "x.held_out")
    with pytest.raises(LampError, match="none, the data set has no such label"):
        check_named(labels, "content", ("jump",), "x.held_out")
