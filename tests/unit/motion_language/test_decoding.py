"""Decoding: batches answer as their instructions do one by one, and a cache changes nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.motion_language.decoding import Sampling, answer, block_head, choose, length_distribution
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.tasks import TASKS
from lamp_core.segments import collate
from tests.unit.motion_language.conftest import CAPTIONS, MAX_TOKENS, extended

SAMPLED = Sampling(temperature=1.5, top_p=0.95, seed=3)


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.0), SAMPLED])
def test_unequal_instructions_are_answered_as_one_by_one(
    kind: str, tokenizer: Any, sampling: Sampling
) -> None:
    model, words = extended(kind, tokenizer)
    prompts = [words.prompt(TASKS["text-to-motion"], caption) for caption in CAPTIONS]
    assert len({sum(len(part.ids) for part in prompt) for prompt in prompts}) > 2
    lengths = [1 + index % MAX_TOKENS for index in range(len(prompts))]
    together = answer(model, prompts, MotionGrammar(words.vocabulary, lengths), words.padding, sampling)
    for row, (prompt, tokens) in enumerate(zip(prompts, lengths, strict=True)):
        grammar = MotionGrammar(words.vocabulary, [tokens])
        assert answer(model, [prompt], grammar, words.padding, sampling, [row]) == [together[row]]


def test_the_cache_says_what_the_whole_sequence_says(kind: str) -> None:
    model, words = extended(kind)
    prompts = [words.prompt(TASKS["text-to-motion"], caption) for caption in CAPTIONS[:3]]
    grammar = MotionGrammar(words.vocabulary, [4, 6, 8])
    for prompt, ids in zip(prompts, answer(model, prompts, grammar, words.padding), strict=True):
        said = list(collate([prompt], words.padding).ids_BX[0].tolist())
        alone = MotionGrammar(words.vocabulary, [len(words.codes(ids))])
        first, last = alone.block
        for place, word in enumerate(ids):
            with torch.no_grad():
                logits_N = model(torch.tensor([said])).logits[0, -1, first:last]
            allowed_1N, _ = alone.allowed(torch.tensor([ids[:place]], dtype=torch.long))
            assert int(logits_N.masked_fill(~allowed_1N[0], float("-inf")).argmax()) + first == word
            said.append(word)


GUIDED = Sampling(temperature=0.0, guidance=2.5)


def test_a_guided_answer_goes_on_from_what_the_text_adds(kind: str) -> None:
    model, words = extended(kind)
    task = TASKS["text-to-motion"]
    prompts = [words.prompt(task, caption) for caption in CAPTIONS[:3]]
    without = [words.prompt(task, "")] * 3
    grammar = MotionGrammar(words.vocabulary, [4, 6, 8])
    found = answer(model, prompts, grammar, words.padding, GUIDED, untold=without)
    first, last = grammar.block
    for prompt, untold, ids in zip(prompts, without, found, strict=True):
        said = [collate([asked], words.padding).ids_BX[0].tolist() for asked in (prompt, untold)]
        alone = MotionGrammar(words.vocabulary, [len(words.codes(ids))])
        for place, word in enumerate(ids):
            with torch.no_grad():
                told_N, untold_N = (model(torch.tensor([each])).logits[0, -1, first:last] for each in said)
            logits_N = untold_N + GUIDED.guidance * (told_N - untold_N)
            allowed_1N, _ = alone.allowed(torch.tensor([ids[:place]], dtype=torch.long))
            assert int(logits_N.masked_fill(~allowed_1N[0], float("-inf")).argmax()) + first == word
            for each in said:
                each.append(word)


def test_guided_instructions_are_answered_as_one_by_one_and_a_guidance_of_one_changes_nothing() -> None:
    model, words = extended()
    task = TASKS["text-to-motion"]
    prompts, lengths = [words.prompt(task, caption) for caption in CAPTIONS], [2] * len(CAPTIONS)
    without, grammar = [words.prompt(task, "")] * len(prompts), MotionGrammar(words.vocabulary, lengths)
    how = replace(SAMPLED, guidance=3.0)
    together = answer(model, prompts, grammar, words.padding, how, untold=without)
    for row, prompt in enumerate(prompts):
        one = MotionGrammar(words.vocabulary, lengths[:1])
        assert answer(model, [prompt], one, words.padding, how, [row], without[:1]) == [together[row]]
    plain = answer(model, prompts, grammar, words.padding, SAMPLED)
    assert answer(model, prompts, grammar, words.padding, SAMPLED, untold=without) == plain != together


def test_another_seed_makes_another_motion_and_the_same_the_same() -> None:
    model, words = extended()
    prompts = [words.prompt(TASKS["text-to-motion"], CAPTIONS[0])] * 2
    grammar = MotionGrammar(words.vocabulary, [8, 8])
    one = answer(model, prompts, grammar, words.padding, SAMPLED)
    assert one == answer(model, prompts, grammar, words.padding, SAMPLED)
    assert one != answer(model, prompts, grammar, words.padding, Sampling(1.5, 0.95, seed=4))
    assert one[0] != one[1]  # rows draw for themselves


def test_words_are_drawn_as_often_as_they_are_likely_and_none_that_is_not_allowed() -> None:
    logits_1N = torch.tensor([[0.5, 0.2, 0.2, 0.1, 9.0]]).log()
    allowed_1N = torch.tensor([[True, True, True, True, False]])
    shares = np.linspace(0, 1, 1001, endpoint=False)
    logits_BN, allowed_BN = logits_1N.expand(1001, -1), allowed_1N.expand(1001, -1)
    drawn = choose(logits_BN, allowed_BN, Sampling(1.0, 1.0), shares)
    counts = torch.bincount(drawn, minlength=5) / 1001
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.2, 0.2, 0.1, 0.0]), atol=2e-3, rtol=0)
    nucleus = choose(logits_BN, allowed_BN, Sampling(1.0, 0.6), shares)
    assert set(nucleus.tolist()) == {0, 1} or set(nucleus.tolist()) == {0, 2}
    last = choose(logits_1N, allowed_1N, Sampling(1.0, 1.0), np.array([1.0]))
    assert int(last) == 3


def test_logits_of_the_block_are_those_of_the_whole(kind: str) -> None:
    model, words = extended(kind)
    ids_BX = torch.arange(12).reshape(2, 6)
    whole_BXV = model(ids_BX).logits
    first, last = words.vocabulary.first, words.vocabulary.end
    with block_head(model, (first, last)) as is_block, torch.no_grad():
        assert is_block
        torch.testing.assert_close(model(ids_BX).logits, whole_BXV[..., first:last])
    assert torch.equal(model(ids_BX).logits, whole_BXV)


def test_lengths_have_a_distribution() -> None:
    model, words = extended()
    asked = [[*words.prompt(TASKS["text-to-motion"], CAPTIONS[0]), words.motion_begins()]]
    shares_1S = length_distribution(model, asked, words.vocabulary, words.padding)
    assert shares_1S.shape == (1, MAX_TOKENS)
    assert float(shares_1S.sum()) == pytest.approx(1.0)


def test_bad_sampling_is_refused() -> None:
    with pytest.raises(LampError, match="temperature -1 is below 0"):
        Sampling(temperature=-1)
    with pytest.raises(LampError, match="top_p 0 is no share"):
        Sampling(top_p=0)
    with pytest.raises(LampError, match="the guidance -1 is below 0"):
        Sampling(guidance=-1)
