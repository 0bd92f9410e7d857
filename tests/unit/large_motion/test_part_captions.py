"""Captions of parts in instructions: as often as the switch says, learnt with it, nothing changed without."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lamp_core.config.base import Optimisation
from lamp_core.config.large_motion import LargeMotion, PartCaptions
from lamp_core.errors import LampError
from lamp_core.large_motion.part_captions import drawn_text
from lamp_core.large_motion.train_items import longest_of
from lamp_core.large_motion.training import mean_losses, mean_losses_by_parts, train_large_motion
from lamp_core.motion_language.decoding import answer
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.tasks import TASKS
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.large_motion.conftest import SETTINGS, items_of, spoken
from tests.unit.motion_language.conftest import causal

PARTS = {"left_arm": ("waves", "the left arm waves"), "right_arm": ("runs",), "left_leg": ("kicks",)}


def settings(**told: Any) -> LargeMotion:
    changes = {"prompts": "short-parts", "context": 120, "part_captions": PartCaptions(**told)}
    return SETTINGS.model_copy(update=changes)


def told(motions: list[SpokenMotion]) -> list[SpokenMotion]:
    return [SpokenMotion(each.codes_SR, each.captions, PARTS) for each in motions]


def test_examples_tell_of_parts_as_often_as_the_switch_says() -> None:
    item = SpokenMotion(np.zeros((2, 3)), ("a", "b"), PARTS)
    draws = np.random.default_rng(0)
    found = [drawn_text(item, PartCaptions(share=0.5, alone=0.25, most=2), draws) for _ in range(2000)]
    with_parts = [(caption, of_parts) for caption, of_parts in found if of_parts]
    assert len(with_parts) == pytest.approx(1000, abs=100)
    assert sum(caption is None for caption, _ in with_parts) == pytest.approx(250, abs=60)
    assert all(caption in {"a", "b"} for caption, of_parts in found if not of_parts)
    counts = Counter(len(of_parts) for _, of_parts in with_parts)
    assert set(counts) == {1, 2} and counts[1] == pytest.approx(500, abs=80)
    assert {part for _, of_parts in with_parts for part in of_parts} == set(PARTS)
    for _, of_parts in with_parts:
        assert list(of_parts) == [part for part in PARTS if part in of_parts]  # in their order
        assert all(said in PARTS[part] for part, said in of_parts.items())


def test_without_the_switch_the_same_weights_come_out(rvq: MotionTokenizer) -> None:
    trained = [
        train_large_motion(causal(), rvq, SETTINGS, items_of(motions, val=motions[:2]))
        for motions in (spoken(), told(spoken()))
    ]
    for name, tensor in trained[0][0].state_dict().items():
        assert torch.equal(tensor, trained[1][0].state_dict()[name]), name
    assert trained[1][2]["val_loss"] == trained[0][2]["val_loss"]


def test_an_item_without_captions_of_parts_takes_the_draws_that_it_took() -> None:
    item = SpokenMotion(np.zeros((2, 3)), ("a", "b", "c"))
    ways = (PartCaptions(), PartCaptions(share=1.0))
    found = [[drawn_text(item, way, draws) for _ in range(20)] for way in ways for draws in [rng()]]
    assert found[0] == found[1]
    assert [caption for caption, _ in found[0]] == [item.captions[int(d)] for d in rng().integers(3, size=20)]


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.slow
def test_what_parts_alone_say_is_learnt(rvq: MotionTokenizer) -> None:
    """Four motions whose captions are all alike: what they are follows from what a part does."""
    verbs = ("walks", "runs", "jumps", "kicks")
    motions = [
        SpokenMotion(each.codes_SR, ("a person",), {"left_arm": (verb,)})
        for each, verb in zip(spoken()[:4], verbs, strict=True)
    ]
    training = Optimisation(steps=250, batch_size=4, learning_rate=4e-3, warmup_steps=10, weight_decay=0.0)
    wanted = settings(share=1.0, alone=1.0).model_copy(update={"training": training})
    model, words, found = train_large_motion(causal(), rvq, wanted, items_of(motions, val=motions[:3]))
    prompts = [
        words.prompt(TASKS["text-to-motion"], None, of_parts={"left_arm": each.part_captions["left_arm"][0]})
        for each in motions
    ]
    free = answer(model.language.eval(), prompts, MotionGrammar(words.vocabulary, [None] * 4), words.padding)
    for ids, item in zip(free, motions, strict=True):
        assert np.array_equal(words.codes(ids), item.codes_SR)
    assert found["part_loss"] < 0.1 < found["val_loss"]


def test_validation_measures_instructions_of_parts_alone_beside_the_whole_bodys(rvq: MotionTokenizer) -> None:
    wanted, motions = settings(share=0.5), told(spoken())
    model, words, found = train_large_motion(causal(), rvq, wanted, items_of(motions, val=motions[:3]))
    assert found["val_loss"] == mean_losses(model, words, wanted.context, motions[:3])[0]
    assert found["part_loss"] == mean_losses_by_parts(model, words, wanted, motions[:3])[0]
    assert found["part_loss"] != found["val_loss"]
    assert longest_of(motions, words, 2) > longest_of(motions, words, 1) > longest_of(motions, words)


def test_what_cannot_be_trained_is_refused(rvq: MotionTokenizer) -> None:
    with pytest.raises(
        ValidationError, match="prompt file V0 has no words for parts; set prompts to V0-parts"
    ):
        LargeMotion(part_captions=PartCaptions(share=0.5))
    wanted = settings(share=0.5)
    with pytest.raises(LampError, match="nothing that is trained on has captions of parts of the body"):
        train_large_motion(causal(), rvq, wanted, items_of(spoken()))
    narrow = wanted.model_copy(update={"context": 44})
    with pytest.raises(LampError, match=r"the longest clip takes .* words .*a row has 44; raise"):
        train_large_motion(causal(), rvq, narrow, items_of(told(spoken())))
