"""The language model on body and hands: its answers are codes of both, and what was given of both stays."""

from typing import Any

import numpy as np
import pytest

from lamp_core.config.models import Tokenizer
from lamp_core.m2t.language_model import CausalModel
from lamp_core.motion_language.assistant import MotionAssistant
from lamp_core.motion_language.decoding import Sampling
from lamp_core.motion_language.folder import Origin, Speaker
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.part_aware import PartAwareVQVAE

from .conftest import CAPTIONS, CODES, INSTRUCTION, MAX_TOKENS, extended

WIDTH = 623
FRAMES = 4 * MAX_TOKENS


@pytest.fixture(scope="module")
def part_aware() -> PartAwareVQVAE:
    sizes = Tokenizer(kind="part-aware", hidden_dim=8, code_dim=8, codebook_size=CODES, residual_depth=1)
    made = new_tokenizer(WIDTH, sizes).eval().requires_grad_(False)
    made.start_at_random()
    assert isinstance(made, PartAwareVQVAE)
    return made


@pytest.fixture(scope="module")
def assistant(part_aware: PartAwareVQVAE) -> MotionAssistant:
    model, words = extended("opt", part_aware)
    base = CausalModel(model, words.text, "", "base")
    origin = Origin("base", "smplx52", 30.0, 24, "short", "", {})
    speaker = Speaker(base, words.vocabulary, origin)
    return MotionAssistant(speaker, words, part_aware, INSTRUCTION, Sampling())


def motions(count: int = 2) -> list[np.ndarray]:
    draws = np.random.default_rng(1)
    return [draws.normal(size=(FRAMES, WIDTH)).astype(np.float32) for _ in range(count)]


def codes_of(assistant: MotionAssistant, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> list[np.ndarray]:
    """Codes (S, 2) of the answers to texts with poses."""
    seen: list[np.ndarray] = []
    decoded = assistant._features
    keep = lambda _, codes: seen.extend(codes) or decoded(codes)  # noqa: E731
    monkeypatch.setattr(MotionAssistant, "_features", keep)
    assistant.control(list(CAPTIONS[:2]), seed=3, **asked)
    return seen


def test_an_answer_says_the_body_in_its_delimiters_and_then_the_hands(assistant: MotionAssistant) -> None:
    known = assistant.speaker.vocabulary
    assert known.parts == ("motion_body", "motion_hands")
    codes_SR = np.array([[1, 4], [2, 5], [3, 0]])
    said = [known.words[word - known.first] for word in assistant.words.motion(codes_SR).ids]
    assert said == [
        *("<motion_body>", "<motion_length_3>", "<motion_body_1>", "<motion_body_2>", "<motion_body_3>"),
        *("</motion_body>", "<motion_hands>", "<motion_hands_4>", "<motion_hands_5>", "<motion_hands_0>"),
        "</motion_hands>",
    ]
    assert np.array_equal(assistant.words.codes(assistant.words.motion(codes_SR).ids), codes_SR)


def test_motions_of_texts_have_hands_and_the_length_that_is_asked_for(assistant: MotionAssistant) -> None:
    made = assistant.generate(list(CAPTIONS[:3]), [8, 20, FRAMES], seed=0)
    assert [motion.shape for motion in made] == [(8, WIDTH), (20, WIDTH), (FRAMES, WIDTH)]
    assert all(np.isfinite(motion).all() for motion in made)


def test_a_pose_that_is_held_is_held_of_body_and_hands(
    assistant: MotionAssistant, part_aware: PartAwareVQVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [np.arange(FRAMES) < 4, np.arange(FRAMES) >= FRAMES - 4]
    found = codes_of(assistant, monkeypatch, motions=motions(), given=given, forced=True)
    for codes_SR, motion_TD, given_T, place in zip(found, motions(), given, (0, -1), strict=True):
        still_TD = np.repeat(
            motion_TD[given_T][-1:] if place == 0 else motion_TD[given_T][:1], FRAMES, axis=0
        )
        still_TD[given_T] = motion_TD[given_T]
        assert np.array_equal(codes_SR[place], encode_clips(part_aware, [still_TD])[0][place])


def test_completion_gives_back_what_was_given_of_body_and_hands(assistant: MotionAssistant) -> None:
    given = [np.arange(FRAMES) < 8, (np.arange(FRAMES) // 4) % 2 == 0]
    made = assistant.complete(["", ""], motions(), given, seed=0)
    for motion_TD, made_TD, given_T in zip(motions(), made, given, strict=True):
        np.testing.assert_array_equal(made_TD[given_T], motion_TD[given_T])
        assert made_TD.shape == motion_TD.shape and np.isfinite(made_TD).all()


def test_motions_with_hands_are_captioned(assistant: MotionAssistant) -> None:
    assert all(isinstance(caption, str) for caption in assistant.captions(motions()))
