"""What is said of a prompt that a text encoder does not read whole."""

import warnings

import pytest

from lamp_core.inference.models import say_what_is_lost
from lamp_core.lamp.prompt import losses
from lamp_core.lamp.text import TextTokenizer, train_vocabulary
from lamp_core.remarks import Remark


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return train_vocabulary(["a person walks", "a person waves"], 80, 8)


def test_a_prompt_that_is_read_whole_needs_no_word(tokenizer: TextTokenizer) -> None:
    assert losses(tokenizer, "a person walks.") == []


@pytest.mark.parametrize(
    ("prompt", "counted", "shown"),
    [
        ("a person salsa", "1 of the prompt's 3 words", "salsa"),
        ("ein Mann läuft", "3 of the prompt's 3 words", "ein, Mann, läuft"),
        ("человек идёт", "2 of the prompt's 2 words", "человек, идёт"),
        ("一个人", "3 of the prompt's 3 words", "一, 个, 人"),
        ("a person شخص walks", "1 of the prompt's 4 words", "شخص"),
    ],
)
def test_unknown_words_are_counted_and_named(
    tokenizer: TextTokenizer, prompt: str, counted: str, shown: str
) -> None:
    assert losses(tokenizer, prompt)[0] == f"the text encoder does not know {counted}: {shown}"


def test_what_is_cut_is_named(tokenizer: TextTokenizer) -> None:
    (line,) = losses(tokenizer, "a person walks a person waves a person walks")
    assert line.endswith("does not read 'a person walks'")


def test_it_is_said_once(tokenizer: TextTokenizer) -> None:
    class Model:
        def losses(self, prompt: str) -> list[str]:
            return losses(tokenizer, prompt)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            say_what_is_lost(Model(), "a person quux")
        say_what_is_lost(object(), "a model without a text encoder of words")
    assert [warning.category for warning in said] == [Remark]
