"""Of several answers that one is taken in which the model finds the given poses likeliest."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.m2t.language_model import CausalModel
from lamp_core.motion_language.assistant import MotionAssistant
from lamp_core.motion_language.choosing import surprise
from lamp_core.motion_language.decoding import Sampling
from lamp_core.motion_language.folder import Origin, Speaker
from lamp_core.motion_language.tasks import TASKS
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import Segment
from lamp_core.systems.capabilities import ChoosesAnswers
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.motion_language.conftest import CAPTIONS, INSTRUCTION, MAX_TOKENS, extended, spoken

FRAMES = 4 * MAX_TOKENS
LAST = [np.arange(FRAMES) >= FRAMES - 4] * 3


def weighed(words: MotionWords, index: int) -> tuple[list[Segment], list[int]]:
    """A prompt with an answer of which two tokens are weighed, and the words of these."""
    codes_SR = spoken()[index].codes_SR
    given_S = np.isin(np.arange(len(codes_SR)), (0, len(codes_SR) - 1))
    parts = words.weighed(codes_SR, given_S)
    assert tuple(word for part in parts for word in part.ids) == words.motion(codes_SR).ids
    return [*words.prompt(TASKS["text-to-motion"], CAPTIONS[index]), *parts], [
        word for part in parts if part.is_predicted for word in part.ids
    ]


@pytest.mark.parametrize("every", [0, 2])
def test_the_given_codes_alone_are_weighed(tokenizer: Any, every: int) -> None:
    _, words = extended(tokenizer=tokenizer, length_every=every)
    codes_SR = spoken(tokenizer)[4].codes_SR
    given_S = np.isin(np.arange(len(codes_SR)), (1, 3))
    parts = words.weighed(codes_SR, given_S)
    assert tuple(word for part in parts for word in part.ids) == words.motion(codes_SR).ids
    said = [word for part in parts if part.is_predicted for word in part.ids]
    assert np.array_equal(words.codes(said), codes_SR[given_S])


def test_surprise_is_what_the_model_says_of_each_sequence_alone() -> None:
    model, words = extended()
    asked = [weighed(words, index) for index in (5, 1, 3)]
    found_N = surprise(model, [parts for parts, _ in asked], words.padding)
    for (parts, said), value in zip(asked, found_N, strict=True):
        ids = [word for part in parts for word in part.ids]
        predicted = [part.is_predicted for part in parts for _ in part.ids]
        with torch.no_grad():
            log_likely = model(torch.tensor([ids[:-1]])).logits[0].float().log_softmax(dim=-1)
        places = [place for place, is_predicted in enumerate(predicted) if is_predicted]
        assert [ids[place] for place in places] == said
        assert value == pytest.approx(
            -sum(float(log_likely[place - 1, ids[place]]) for place in places), rel=1e-4
        )


def assistant(vqvae: MotionTokenizer, draws: int, kind: str = "opt") -> MotionAssistant:
    model, words = extended(kind, vqvae)
    speaker = Speaker(
        CausalModel(model, words.text, "", "base"),
        words.vocabulary,
        Origin("base", "smpl22", 20.0, 24, "short", "", {}),
    )
    settings = INSTRUCTION.model_copy(update={"pose_draws": draws})
    return MotionAssistant(speaker, words, vqvae, settings, Sampling())


@pytest.mark.parametrize("forced", [False, True])
def test_the_answer_that_leads_to_a_pose_best_is_taken(
    vqvae: MotionTokenizer, forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    motions = [
        np.random.default_rng(index).normal(size=(FRAMES, 263)).astype(np.float32) for index in range(3)
    ]
    seen: list[list[np.ndarray]] = []
    decoded = MotionAssistant._features
    monkeypatch.setattr(
        MotionAssistant, "_features", lambda self, codes: seen.append(list(codes)) or decoded(self, codes)
    )
    every: list[list[np.ndarray]] = []
    drawn = MotionAssistant._motions
    monkeypatch.setattr(MotionAssistant, "_motions", lambda *args: every.append(drawn(*args)) or every[-1])
    for draws in (1, 6):
        assistant(vqvae, draws).control(list(CAPTIONS[:3]), motions, LAST, seed=0, forced=forced)
    (one, best), (_, six) = seen, every
    assert len(six) == 18
    for place in range(3):
        assert np.array_equal(six[place], one[place])  # more draws add to the first one
        told_SR = assistant(vqvae, 1)._known_codes(motions, LAST)[place]
        found = _surprise_of(vqvae, CAPTIONS[place], six[place::3], told_SR)
        chosen = next(draw for draw in range(6) if np.array_equal(six[place::3][draw], best[place]))
        assert found[chosen] == pytest.approx(min(found), rel=1e-4)
        assert max(found) > min(found)


def test_who_answers_once_takes_the_first_answer(vqvae: MotionTokenizer) -> None:
    motions = [np.random.default_rng(index).normal(size=(FRAMES, 263)) for index in range(3)]
    asked = (list(CAPTIONS[:3]), [motion.astype(np.float32) for motion in motions], LAST, 0)
    six, one = assistant(vqvae, 6), assistant(vqvae, 1)
    assert isinstance(six, ChoosesAnswers) and six.chooses_poses and not one.chooses_poses
    for found_TD, wanted_TD in zip(six.answering_once().control(*asked), one.control(*asked), strict=True):
        np.testing.assert_array_equal(found_TD, wanted_TD)


def test_guidance_changes_what_has_a_text_and_no_completion(vqvae: MotionTokenizer) -> None:
    motions = [
        np.random.default_rng(index).normal(size=(FRAMES, 263)).astype(np.float32) for index in range(3)
    ]
    texts, plain = list(CAPTIONS[:3]), assistant(vqvae, 1)
    guided = replace(plain, sampling=Sampling(guidance=20.0))

    def differ(made: list[np.ndarray], others: list[np.ndarray]) -> bool:
        return any(not np.array_equal(*pair) for pair in zip(made, others, strict=True))

    assert differ(guided.generate(texts, [FRAMES] * 3, 0), plain.generate(texts, [FRAMES] * 3, 0))
    assert differ(guided.control(texts, motions, LAST, 0), plain.control(texts, motions, LAST, 0))
    asked = (texts, motions, LAST, 0)
    assert not differ(guided.complete(*asked), plain.complete(*asked))


def _surprise_of(
    vqvae: MotionTokenizer, caption: str, drawn: list[np.ndarray], told_SR: np.ndarray
) -> list[float]:
    """What the model says of the last code behind each motion."""
    one = assistant(vqvae, 1)
    given_S = np.arange(MAX_TOKENS) == MAX_TOKENS - 1
    prompt = one.words.prompt(TASKS["last-pose"], caption, told_SR, given_S)
    found = []
    for codes_SR in drawn:
        ids = [word for part in (*prompt, one.words.motion(codes_SR)) for word in part.ids]
        with torch.no_grad():
            logits_XV = one.speaker.base.model(torch.tensor([ids[:-2]])).logits[0].float()
        word = one.speaker.vocabulary.first_ids_R[0] + int(told_SR[-1, 0])
        found.append(-float(logits_XV[-1].log_softmax(dim=-1)[word]))
    return found


def test_without_a_pose_nothing_is_drawn_again(vqvae: MotionTokenizer) -> None:
    motions = [np.zeros((FRAMES, 263), dtype=np.float32)] * 3
    nothing = [np.zeros(FRAMES, dtype=bool)] * 3
    one, many = (
        assistant(vqvae, draws).control(list(CAPTIONS[:3]), motions, nothing, seed=0) for draws in (1, 6)
    )
    for first_TD, second_TD in zip(one, many, strict=True):
        np.testing.assert_array_equal(first_TD, second_TD)


def test_what_is_not_given_may_be_no_number(vqvae: MotionTokenizer) -> None:
    motion_TD = np.random.default_rng(0).normal(size=(FRAMES, 263)).astype(np.float32)
    broken_TD = np.where(LAST[0][:, None], motion_TD, np.nan).astype(np.float32)
    one = assistant(vqvae, 1)
    for make in (one.control, one.complete):
        (sound_TD,), (made_TD,) = (make(CAPTIONS[:1], [each], LAST[:1], 0) for each in (motion_TD, broken_TD))
        np.testing.assert_array_equal(sound_TD, made_TD)
    broken_TD[-1, 0] = np.nan
    with pytest.raises(LampError, match="not finite"):
        one.complete(CAPTIONS[:1], [broken_TD], LAST[:1], 0)


def test_room_is_asked_row_by_row(vqvae: MotionTokenizer, kind: str) -> None:
    """A long instruction of a short motion, and a short one of a long motion: each has room."""
    made = assistant(vqvae, 1, kind)
    texts = ("a person walks to the left " * 4, "walks")
    alone = [made.generate([text], [frames], 0)[0] for text, frames in zip(texts, (4, FRAMES), strict=True)]
    together = made.generate(texts, (4, FRAMES), 0)
    words = [length(made.prompt(text)) for text in texts]
    positions = max(words[0] + made._words_of(1), words[1] + made._words_of(MAX_TOKENS))
    assert positions < words[0] + made._words_of(MAX_TOKENS)
    model = made.speaker.base.model
    model.config.max_position_embeddings = positions
    if kind == "gpt2":
        table = model.transformer.wpe
        table.weight = torch.nn.Parameter(table.weight[:positions])
    assert all(map(np.array_equal, made.generate(texts, (4, FRAMES), 0), together))
    assert [len(each) for each in together] == [len(each) for each in alone] == [4, FRAMES]
    model.config.max_position_embeddings = positions - 1
    with pytest.raises(LampError, match="instruction and answer take"):
        made.generate(texts, (4, FRAMES), 0)


def drawn_of(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[MotionAssistant], object], made: MotionAssistant
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """All answers that are drawn for a question, and those that are taken."""
    every: list[np.ndarray] = []
    taken: list[np.ndarray] = []
    draw, decode = MotionAssistant._motions, MotionAssistant._features

    def motions(self: MotionAssistant, *asked: Any) -> list[np.ndarray]:
        every.extend(draw(self, *asked))
        return list(every)

    def features(self: MotionAssistant, codes: list[np.ndarray]) -> list[np.ndarray]:
        taken.extend(codes)
        return decode(self, codes)

    with monkeypatch.context() as patch:
        patch.setattr(MotionAssistant, "_motions", motions)
        patch.setattr(MotionAssistant, "_features", features)
        ask(made)
    return every, taken


def surprise_of_caption(made: MotionAssistant, caption: str, codes_SR: np.ndarray) -> float:
    """Minus the log likelihood of a caption of a motion, word by word."""
    told = np.ones(len(codes_SR), dtype=bool)
    asked = made.words.prompt(TASKS["captioning"], None, codes_SR, told)
    said = [*made.words.caption(caption).ids, made.words.end]
    ids = [word for part in asked for word in part.ids] + said
    with torch.no_grad():
        log_XV = made.speaker.base.model(torch.tensor([ids[:-1]])).logits[0].float().log_softmax(dim=-1)
    first = len(ids) - len(said)
    return -sum(float(log_XV[place - 1, ids[place]]) for place in range(first, len(ids)))


def with_draws(vqvae: MotionTokenizer, **settings: Any) -> MotionAssistant:
    made = assistant(vqvae, 1)
    return replace(made, settings=made.settings.model_copy(update=settings))


def test_of_a_text_that_answer_is_taken_whose_caption_is_likeliest(
    vqvae: MotionTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, frames = list(CAPTIONS[:3]), [16, 32, 24]
    made = with_draws(vqvae, text_draws=4)
    every, taken = drawn_of(monkeypatch, lambda one: one.generate(texts, frames, 0), made)
    one, _ = drawn_of(monkeypatch, lambda each: each.generate(texts, frames, 0), assistant(vqvae, 1))
    assert len(every) == 12 and all(map(np.array_equal, every[:3], one))
    for place, text in enumerate(texts):
        found = [surprise_of_caption(made, text, codes_SR) for codes_SR in every[place::3]]
        assert np.array_equal(taken[place], every[place::3][int(np.argmin(found))])


def test_of_a_gap_that_answer_is_taken_which_leads_to_what_is_behind(
    vqvae: MotionTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion_TD = np.random.default_rng(0).normal(size=(FRAMES, 263)).astype(np.float32)
    between = np.isin(np.arange(FRAMES) // 4, (0, 1, 7))
    made = with_draws(vqvae, completion_draws=5)
    every, taken = drawn_of(monkeypatch, lambda one: one.complete([""], [motion_TD], [between], 0), made)
    assert len(every) == 5
    (codes_SR,) = made._known_codes([motion_TD], [between])
    told = between[::4]
    prompt = made.words.prompt(TASKS["in-betweening"], None, codes_SR, told)
    asked = [[*prompt, *made.words.weighed(each, told)] for each in every]
    best = int(surprise(made.speaker.base.model, asked, made.words.padding).argmin())
    assert np.array_equal(taken[0], every[best])
    beginning = np.arange(FRAMES) < 8  # nothing given is behind anything made: one answer is as good as many
    every, _ = drawn_of(monkeypatch, lambda one: one.complete([""], [motion_TD], [beginning], 0), made)
    assert len(every) == 1


def test_a_caption_counts_beside_poses_where_it_is_asked_for(
    vqvae: MotionTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion_TD = np.random.default_rng(0).normal(size=(FRAMES, 263)).astype(np.float32)
    made = with_draws(vqvae, pose_draws=6, reads_caption_back=True)
    every, taken = drawn_of(
        monkeypatch, lambda one: one.control(CAPTIONS[:1], [motion_TD], LAST[:1], 0), made
    )
    told_SR = made._known_codes([motion_TD], LAST[:1])[0]
    of_pose = _surprise_of(vqvae, CAPTIONS[0], every, told_SR)
    both = [
        pose + surprise_of_caption(made, CAPTIONS[0], codes_SR)
        for pose, codes_SR in zip(of_pose, every, strict=True)
    ]
    assert np.array_equal(taken[0], every[int(np.argmin(both))])
