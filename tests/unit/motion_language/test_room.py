"""The longest sequence is known before the first step: of every kind, of both splits, and of answers."""

from typing import Any

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.motion_language.examples import AlignmentExamples, InstructionExamples, SpokenMotion
from lamp_core.motion_language.room import Examples, check_room, longest_of
from lamp_core.motion_language.training import align, tune
from lamp_core.motion_language.words import length
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.motion_language.conftest import ALIGNMENT, INSTRUCTION, KINDS, causal, extended, spoken
from tests.unit.motion_language.test_training import speaker

TOO_LONG = SpokenMotion(np.zeros((8, 1), dtype=np.int64), ("a person walks " * 20,))


def examples(name: str, tokenizer: Any, every: int) -> Any:
    _, words = extended(tokenizer=tokenizer, length_every=every)
    if name == "alignment":
        return AlignmentExamples(spoken(tokenizer), words, ALIGNMENT.mixture, (), "say:")
    return InstructionExamples(spoken(tokenizer), words, INSTRUCTION)


@pytest.mark.parametrize("name", ["alignment", "instruction"])
@pytest.mark.parametrize("every", [0, 3])
@pytest.mark.parametrize("channels", list(KINDS))
def test_the_longest_is_the_longest_that_is_ever_drawn(name: str, every: int, channels: str) -> None:
    made = examples(name, KINDS[channels], every)
    draws = np.random.default_rng(0)
    drawn = max(length(made.draw(item, draws)) for item in range(8) for _ in range(300))
    assert max(longest_of(kind, made.words) for kind in made.kinds_of_sequences()) == drawn
    check_room(made, drawn)
    check_room(made, None)
    with pytest.raises(LampError, match=f"a sequence of {drawn} words is longer than .*model's {drawn - 1};"):
        check_room(made, drawn - 1)


@pytest.mark.parametrize("name", ["alignment", "instruction"])
def test_an_answer_in_text_may_be_as_long_as_a_caption(name: str) -> None:
    made: Examples = examples(name, KINDS["one"], 0)
    drawn = max(longest_of(kind, made.words) for kind in made.kinds_of_sequences())
    with pytest.raises(LampError, match="use shorter prompts"):
        check_room(made, drawn, decoded=True)
    answers = [kind for kind in made.kinds_of_sequences() if kind.answers_in_text]
    check_room(made, max(longest_of(kind, made.words, 23) for kind in answers), decoded=True)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_one_pair_that_is_too_long_is_refused_before_the_first_step(
    vqvae: MotionTokenizer, split: str
) -> None:
    train = [*spoken(), *([TOO_LONG] if split == "train" else [])]
    val = [*spoken()[:3], *([TOO_LONG] if split == "validation" else [])]
    long = {"max_text_tokens": 96}
    with pytest.raises(LampError, match="is longer than the language model's 96"):
        align(causal(), vqvae, ALIGNMENT.model_copy(update=long), train, validation=val)
    aligned = speaker()
    origin = type(aligned.origin)(**{**vars(aligned.origin), **long})
    aligned = type(aligned)(aligned.base, aligned.vocabulary, origin)
    with pytest.raises(LampError, match="is longer than the language model's 96"):
        tune(aligned, INSTRUCTION, train, validation=val)
