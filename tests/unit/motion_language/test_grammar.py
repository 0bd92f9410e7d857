"""The grammar: whatever a model says, its answer is a motion of the length that was asked for."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig

from lamp_core.errors import LampError
from lamp_core.motion_language.decoding import GREEDY, Sampling, answer
from lamp_core.motion_language.grammar import MotionGrammar, TextGrammar, logits_processor
from lamp_core.motion_language.layout import FREE
from lamp_core.motion_language.tasks import TASKS
from lamp_core.motion_language.words import MotionWords
from lamp_core.segments import collate
from tests.unit.motion_language.conftest import CAPTIONS, KINDS, MAX_TOKENS, extended, spoken

TEXT_TO_MOTION = TASKS["text-to-motion"]
WORDS = {
    (name, every): extended(tokenizer=tokenizer, length_every=every)[1]
    for name, tokenizer in KINDS.items()
    for every in (0, 1, 3)
}


def walked(grammar: MotionGrammar, seed: int, rows: int) -> list[list[int]]:
    """Answers of a model that says any allowed word, each alike."""
    draws = np.random.default_rng(seed)
    said = torch.zeros(rows, 0, dtype=torch.long)
    whole: dict[int, list[int]] = {}
    for _ in range(grammar.longest + 1):
        allowed_BN, is_whole_B = grammar.allowed(said)
        assert allowed_BN.any(dim=1).all(), "a dead end"
        for row in torch.nonzero(is_whole_B).flatten().tolist():
            whole.setdefault(row, said[row].tolist())
        chosen = [draws.choice(torch.nonzero(row_N).flatten().numpy()) for row_N in allowed_BN]
        said = torch.cat([said, torch.tensor(chosen)[:, None] + grammar.block[0]], dim=1)
    assert set(whole) == set(range(rows)), "an answer that does not end"
    return [whole[row] for row in range(rows)]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_there_is_never_a_dead_end_and_every_answer_is_a_motion(data: st.DataObject) -> None:
    words = WORDS[data.draw(st.sampled_from(list(WORDS)))]
    channels = words.vocabulary.channels
    rows = data.draw(st.integers(1, 4))
    lengths = [data.draw(st.none() | st.integers(1, MAX_TOKENS)) for _ in range(rows)]
    forced = []
    for tokens in lengths:
        places = data.draw(st.sets(st.integers(0, (tokens or MAX_TOKENS) - 1), max_size=3))
        codes_SR = np.full((max(places, default=-1) + 1, len(channels)), FREE)
        for place in places:
            codes_SR[place] = [data.draw(st.integers(0, one.codebook_size - 1)) for one in channels]
        forced.append(codes_SR if places else None)
    grammar = MotionGrammar(words.vocabulary, lengths, forced)
    for said, tokens, codes_SR in zip(
        walked(grammar, data.draw(st.integers(0, 99)), rows), lengths, forced, strict=True
    ):
        made_SR = words.codes(said)
        assert tuple(said) == words.motion(made_SR).ids  # it is what a motion of these codes is written as
        assert tokens is None or len(made_SR) == tokens
        if codes_SR is not None:
            told_SR = made_SR[: len(codes_SR)]
            assert np.array_equal(np.where(codes_SR == FREE, FREE, told_SR), codes_SR)


@pytest.mark.parametrize("every", [0, 3])
def test_what_motions_are_written_as_is_allowed(tokenizer: Any, every: int) -> None:
    _, words = extended(tokenizer=tokenizer, length_every=every)
    for item in spoken(tokenizer):
        ids = words.motion(item.codes_SR).ids
        grammar = MotionGrammar(words.vocabulary, [None])
        for place, word in enumerate(ids):
            allowed_1N, is_whole_1 = grammar.allowed(torch.tensor([ids[:place]], dtype=torch.long))
            assert allowed_1N[0, word - grammar.block[0]] and not is_whole_1
        assert grammar.allowed(torch.tensor([ids]))[1].all()
        assert np.array_equal(words.codes(ids), item.codes_SR)


@pytest.mark.parametrize("beams", [1, 3])
def test_plain_generate_keeps_to_it(kind: str, tokenizer: Any, beams: int) -> None:
    model, words = extended(kind, tokenizer)
    prompts = [words.prompt(TEXT_TO_MOTION, caption) for caption in CAPTIONS[:4]]
    lengths = [3, None, 8, 1]
    batch = collate(prompts, words.padding, side="left")
    grammar = MotionGrammar(words.vocabulary, lengths)
    found = model.generate(
        input_ids=batch.ids_BX,
        attention_mask=batch.seen_BX.long(),
        generation_config=GenerationConfig(
            max_new_tokens=grammar.longest + 1,
            num_beams=beams,
            do_sample=False,
            eos_token_id=words.end,
            pad_token_id=words.padding,
        ),
        logits_processor=[logits_processor(grammar, batch.ids_BX.shape[1], words.end)],
    )[:, batch.ids_BX.shape[1] :]
    said = [row[: row.index(words.end)] for row in ([*ids, words.end] for ids in found.tolist())]
    for ids, tokens in zip(said, lengths, strict=True):
        assert tuple(ids) == words.motion(words.codes(ids)).ids
        assert tokens is None or len(words.codes(ids)) == tokens
    if beams == 1:
        assert said == answer(model, prompts, grammar, words.padding, GREEDY)


def test_text_holds_no_motion_and_ends(kind: str) -> None:
    model, words = extended(kind)
    item = spoken()[0]
    prompt = words.prompt(TASKS["captioning"], None, item.codes_SR, np.ones(len(item.codes_SR), dtype=bool))
    grammar = TextGrammar(words.vocabulary, words.end, 6)
    for seed in range(5):
        (ids,) = answer(model, [prompt], grammar, words.padding, Sampling(temperature=3.0, seed=seed))
        assert ids[-1] == words.end and len(ids) <= 6
        assert max(ids) < words.vocabulary.first


def test_a_text_is_not_empty_and_has_no_special_word(kind: str) -> None:
    model, words = extended(kind)
    known = {words.text.convert_tokens_to_ids(word) for word in ("[PAD]", "[UNK]")}
    assert known <= set(words.unsaid) and words.end not in words.unsaid
    item = spoken()[0]
    prompt = words.prompt(TASKS["captioning"], None, item.codes_SR, np.ones(len(item.codes_SR), dtype=bool))
    grammar = TextGrammar(words.vocabulary, words.end, 6, words.unsaid)
    for seed in range(20):
        how = Sampling(temperature=100.0, top_p=1.0, seed=seed)
        (ids,) = answer(model, [prompt], grammar, words.padding, how)
        assert len(ids) > 1 and not set(ids) & set(words.unsaid)
    allowed_BN, _ = TextGrammar(words.vocabulary, words.end, 1).allowed(torch.zeros(1, 0, dtype=torch.long))
    assert torch.nonzero(allowed_BN[0]).flatten().tolist() == [words.end]  # never a dead end


def test_what_no_motion_can_be_is_refused() -> None:
    words: MotionWords = WORDS["one", 0]
    vocabulary = words.vocabulary
    with pytest.raises(
        LampError, match=f"a motion of 9 tokens was asked for; the model makes 1 to {MAX_TOKENS}"
    ):
        MotionGrammar(vocabulary, [MAX_TOKENS + 1])
    late = np.full((5, 1), FREE)
    late[4] = 1
    with pytest.raises(LampError, match="a pose is given for token 5 of a motion of 4 tokens"):
        MotionGrammar(vocabulary, [4], [late])
    with pytest.raises(ValueError, match="a forced code is none of its channel"):
        MotionGrammar(vocabulary, [4], [np.array([[99]])])
    with pytest.raises(ValueError, match="not those of 1 channels"):
        MotionGrammar(vocabulary, [4], [np.zeros((2, 2), dtype=int)])
