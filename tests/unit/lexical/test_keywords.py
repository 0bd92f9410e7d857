import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.lexical.keywords import Keywords, stem
from lamp_core.lexical.words import Vocabulary
from lamp_core.remarks import Remark

PIECES = (
    "[CLS]",
    "the",
    "run",
    "runs",
    "running",
    "jump",
    "##ing",
    "left",
    "raises",
    "kick",
    "side",
    "##step",
)


@pytest.fixture
def keywords() -> Keywords:
    return Keywords(Vocabulary(PIECES), {(9, 6): "kicking", (10, 11): "sidestep"})


def words(weights_V: np.ndarray) -> dict[str, float]:
    return {PIECES[place]: float(weights_V[place]) for place in np.flatnonzero(weights_V)}


@pytest.mark.parametrize(
    ("forms", "root"),
    [
        (("run", "runs", "running"), "run"),
        (("jump", "jumps", "jumping", "jumped"), "jump"),
        (("raise", "raises", "raising"), "rais"),
        (("wave", "waves", "waving"), "wav"),
        (("pass", "passes", "passing"), "pass"),
        (("left",), "left"),
        (("carry", "carries", "carried", "carrying"), "carry"),
        (("lie", "lies", "lying"), "lie"),
        (("see", "sees", "seeing"), "see"),
        (("try", "tries", "tried"), "try"),
        (("run", "ran"), "run"),
        (("sit", "sat", "sitting"), "sit"),
        (("throw", "threw", "thrown", "throws"), "throw"),
        (("catch", "caught", "catches"), "catch"),
        (("kneel", "knelt", "kneeling"), "kneel"),
        (("rise", "rose", "rises"), "ris"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...], root: str) -> None:
    assert {stem(form) for form in forms} == {root}


def test_a_keyword_is_all_known_forms_of_its_word(keywords: Keywords) -> None:
    query = keywords.query("run, jump")
    assert words(query.weights_V) == {"run": 1, "runs": 1, "running": 1, "jump": 1}
    assert query.without == ()


def test_a_form_in_several_pieces_is_all_of_them_together(keywords: Keywords) -> None:
    query = keywords.query("kick:2, -sidestep")
    assert (words(query.weights_V), query.together) == ({"kick": 2}, {(9, 6): 2})
    assert query.without == ((10, 11),)
    only = keywords.query("sidestep,-kick")
    assert (words(only.weights_V), only.together) == ({}, {(10, 11): 1})
    assert only.without == ((9,), (9, 6))


def test_weights_and_exclusions(keywords: Keywords) -> None:
    query = keywords.query("run:2,-jump, LEFT:0.5")
    assert words(query.weights_V) == {"run": 2, "runs": 2, "running": 2, "left": 0.5}
    assert [[PIECES[part] for part in parts] for parts in query.without] == [["jump"]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the keywords are empty"),
        (" , ", "the keywords are empty"),
        ("the", "'the' says nothing of a motion"),
        ("jmup", "'jmup' is unknown, nearest known: jump"),
        ("xyz", "'xyz' is unknown$"),
        ("-run", "only exclude; add one to look for"),
        ("run:fast", "its weight is no number above 0"),
        ("run:0", "its weight is no number above 0"),
        ("run:nan", "its weight is no number above 0"),
    ],
)
def test_what_cannot_be_looked_for_is_one_line(text: str, told: str, keywords: Keywords) -> None:
    with pytest.raises(LampError, match=told):
        keywords.query(text)


def test_one_unknown_keyword_beside_a_known_one_is_said(keywords: Keywords) -> None:
    with pytest.warns(Remark, match="'jmup' is unknown, nearest known: jump; it is passed over"):
        assert words(keywords.query("left,jmup").weights_V) == {"left": 1}
