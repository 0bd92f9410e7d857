"""What is said of words that no training caption has."""

from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.inference.prompts import RARE, familiarity

CLIPS = [
    *[[tag_caption("a person walks forward slowly"), tag_caption("someone is walking slowly")]] * RARE,
    [tag_caption("a man kicks with the left leg")],
    [tag_caption("a person walks forward and kicks")],
]


def test_words_of_many_clips_are_no_reason_for_a_word() -> None:
    prompt = familiarity("a person walks forward slowly", CLIPS)
    assert prompt.rare == {} and prompt.warning == ""
    assert (prompt.nearest, prompt.shared) == ("a person walks forward slowly", 1.0)


def test_rare_and_unknown_words_are_counted_by_clips_in_their_base_form() -> None:
    prompt = familiarity("a person kicks and then juggles", CLIPS)
    assert prompt.rare["kick"] == 2
    assert prompt.rare["juggle"] == 0
    assert "person" not in prompt.rare
    assert prompt.nearest == "a person walks forward and kicks"
    assert "never saw: " in prompt.warning and "juggle" in prompt.warning and "kick (2)" in prompt.warning
    assert prompt.nearest in prompt.warning


def test_nothing_is_known_where_nothing_was_trained() -> None:
    prompt = familiarity("a person kicks", [])
    assert prompt.nearest == "" and prompt.shared == 0.0 and prompt.rare["kick"] == 0
