"""Training: it learns, resumes exactly, keeps little, and leaves what is frozen as it was."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from lamp_core.config.base import Optimisation
from lamp_core.config.motion_language import AlignmentMixture, TaskMixture
from lamp_core.errors import LampError
from lamp_core.motion_language import training
from lamp_core.motion_language.batches import DrawnBatches
from lamp_core.motion_language.decoding import answer
from lamp_core.motion_language.examples import AlignmentExamples, InstructionExamples, SpokenMotion
from lamp_core.motion_language.folder import Origin, Speaker, load_speaker, save_speaker
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.model import MotionLanguageModel
from lamp_core.motion_language.prompts import template_hash
from lamp_core.motion_language.training import Watching, align, tune
from lamp_core.motion_language.validation import answers_to, losses_of, question_of
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import collate, next_token_logits, token_losses
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.motion_language.conftest import (
    ALIGNMENT,
    INSTRUCTION,
    MAX_TOKENS,
    QUICK,
    causal,
    extended,
    spoken,
)

CPU = torch.device("cpu")
LEARNING = Optimisation(steps=400, batch_size=8, learning_rate=1e-2, warmup_steps=10, weight_decay=0.0)


def origin(prompts: str) -> Origin:
    told = template_hash(prompts) if prompts else ""
    return Origin("base", "smpl22", 20.0, 24, prompts, told, {})


def speaker(kind: str = "opt", prompts: str = "short") -> Speaker:
    model, words = extended(kind)
    base = causal(kind)
    return Speaker(
        type(base)(model, words.text, base.checkpoint, base.identity), words.vocabulary, origin(prompts)
    )


def tuned(settings: Any, **options: Any) -> tuple[MotionLanguageModel, MotionWords, Mapping[str, float]]:
    return tune(speaker(), settings, spoken(), validation=spoken()[:3], watching=Watching(**options))


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.slow
def test_eight_motions_and_captions_are_learnt_by_heart_in_both_directions(tuning: str) -> None:
    mixture = TaskMixture(
        **dict.fromkeys(("initial_pose", "last_pose", "key_poses", "prediction", "in_betweening"), 0.0)
    )
    rate = {"lora": 6e-3, "full": 2e-3}[tuning]
    learning = LEARNING.model_copy(update={"steps": 400, "learning_rate": rate})
    settings = INSTRUCTION.model_copy(
        update={
            "tasks": mixture,
            "training": learning,
            "lora_dropout": 0.0,
            "tuning": tuning,
            "lora_rank": 32,
            "lora_alpha": 32.0,
        }
    )
    items = spoken()
    model, words, _ = tune(speaker(), settings, items)
    examples = InstructionExamples(items, words, settings)
    for task in examples.tasks:
        asked = [question_of(task, item, words, examples.given, np.random.default_rng(0)) for item in items]
        (right,) = answers_to(model.language, words, asked).values()
        assert right == 1.0, task.name
    plain = model.merged().eval()
    prompts = [words.prompt(examples.tasks[0], item.captions[0]) for item in items]
    free = answer(plain, prompts, MotionGrammar(words.vocabulary, [None] * 8), words.padding)
    for ids, item in zip(free, items, strict=True):  # lengths that nobody asked for, too
        assert np.array_equal(words.codes(ids), item.codes_SR)


@pytest.mark.parametrize("stop_at", [1, 6])
@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("stage", ["alignment", "instruction"])
@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(
    stage: str, tuning: str, stop_at: int, vqvae: MotionTokenizer, tmp_path: Path
) -> None:
    training = QUICK.model_copy(update={"accumulate": 2, "ema_decay": 0.9})
    changes = {"training": training, "tuning": tuning}

    def trained(**options: Any) -> tuple[MotionLanguageModel, MotionWords, Mapping[str, float]]:
        if stage == "instruction":
            return tuned(INSTRUCTION.model_copy(update=changes), **options)
        settings = ALIGNMENT.model_copy(update=changes)
        return align(
            causal(), vqvae, settings, spoken(), validation=spoken()[:3], watching=Watching(**options)
        )

    whole, _, numbers = trained()

    def stop(done: int, total: int, text: str) -> None:
        if done > stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=tmp_path, on_progress=stop)
    resumed, _, again = trained(checkpoints=tmp_path)
    assert again == numbers
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_alignment_tells_how_well_the_model_kept_its_language(vqvae: MotionTokenizer) -> None:
    items = spoken()
    model, words, found = align(causal(), vqvae, ALIGNMENT, items, prompt="say:", validation=items[:3])
    held = AlignmentExamples(items[:3], words, ALIGNMENT.mixture, (), "say:")
    sentences = [held.sentence(item.captions[0]) for item in held.items]
    as_it_came = partial(next_token_logits, causal().model)
    for name, said in (("val_text_perplexity_before", as_it_came), ("val_text_perplexity", model.eval())):
        loss, _ = losses_of(said, sentences, words.padding, CPU)
        assert found[name] == pytest.approx(np.exp(loss), rel=1e-4), name
    assert found["val_text_perplexity_before"] < len(causal().tokenizer) * 1.2  # over its own words
    assert {"val_loss", "val_text_to_motion_codes", "val_motion_to_text_words"} <= set(found)
    assert words.vocabulary.max_tokens == MAX_TOKENS
    assert words.vocabulary.tokenizer_identity == vqvae.identity()
    frozen = dict(causal().model.named_parameters())
    for name, parameter in model.merged().named_parameters():
        if name in frozen and "norm" in name:
            assert torch.equal(parameter, frozen[name]), name
    old = words.vocabulary.first
    embedding = model.merged().get_input_embeddings().weight
    assert torch.equal(embedding[:old], frozen["model.decoder.embed_tokens.weight"][:old])


def test_what_is_held_out_of_texts_is_measured_before_and_after_both_trainings(
    vqvae: MotionTokenizer,
) -> None:
    few = {"training": QUICK.model_copy(update={"steps": 1}), "decoded": 0}
    asked = {"prompt": "say:", "validation": spoken()[:3], "held_out": ["someone jumps", "a cat"]}
    model, words, found = align(causal(), vqvae, ALIGNMENT.model_copy(update=few), spoken(), **asked)
    examples = AlignmentExamples(spoken(), words, ALIGNMENT.mixture, (), "say:")
    sentences = [examples.sentence(sentence) for sentence in ("someone jumps", "a cat")]
    as_it_came = partial(next_token_logits, causal().model)
    for ending, said in (("_before", as_it_came), ("", model.eval())):
        loss, _ = losses_of(said, sentences, words.padding, CPU)
        assert found[f"val_further_text_perplexity{ending}"] == pytest.approx(np.exp(loss), rel=1e-4)
    tuning = INSTRUCTION.model_copy(update=few)
    model, words, found = tune(speaker(), tuning, spoken(), **asked)
    captions = [examples.sentence(item.captions[0]) for item in spoken()[:3]]
    for name, held in (("further_text", sentences), ("text", captions)):
        loss, _ = losses_of(model.eval(), held, words.padding, CPU)
        assert found[f"val_{name}_perplexity"] == pytest.approx(np.exp(loss), rel=1e-4)
    without = tune(speaker(), tuning, spoken(), validation=spoken()[:3])[2]
    assert "val_further_text_perplexity" not in without and without["val_loss"] == found["val_loss"]


def test_lengths_that_are_said_on_the_way_are_part_of_the_vocabulary(
    vqvae: MotionTokenizer, tmp_path: Path
) -> None:
    settings = ALIGNMENT.model_copy(
        update={"length_every": 2, "training": QUICK.model_copy(update={"steps": 1})}
    )
    model, words, _ = align(causal(), vqvae, settings, spoken())
    save_speaker(tmp_path, model.merged(), words, origin(""))
    aligned = load_speaker(tmp_path, CPU)
    assert aligned.vocabulary.length_every == 2
    said = aligned.words("short").motion(spoken()[4].codes_SR).ids  # six tokens
    lengths = [word for word in said if 0 <= word - aligned.vocabulary.first_length < MAX_TOKENS]
    assert lengths == [aligned.vocabulary.length(tokens) for tokens in (6, 4, 2)]


def test_adapters_and_rows_of_motion_are_the_state(kind: str) -> None:
    model, words = extended(kind)
    tuning = MotionLanguageModel(model, words.vocabulary, INSTRUCTION)
    state = tuning.state_dict()
    rows = [tensor for name, tensor in state.items() if "trainable_tokens" in name]
    assert [tensor.shape[0] for tensor in rows] == [len(words.vocabulary)] * (2 if kind == "llama" else 1)
    assert all("lora_" in name or "trainable_tokens" in name for name in state)
    with pytest.raises(RuntimeError, match="the trained parameters differ"):
        tuning.load_state_dict({"other": torch.zeros(1)})


def test_untrained_adapters_and_merging_change_nothing(kind: str) -> None:
    model, words = extended(kind)
    item = spoken()[0]
    batch = collate(
        [words.example(task, *_of(item)) for task in InstructionExamples([item], words, INSTRUCTION).tasks],
        words.padding,
    )
    with torch.no_grad():
        before = model(input_ids=batch.ids_BX, attention_mask=batch.seen_BX.long()).logits
        tuning = MotionLanguageModel(model, words.vocabulary, INSTRUCTION).eval()
        after = tuning.language(input_ids=batch.ids_BX, attention_mask=batch.seen_BX.long()).logits
        torch.testing.assert_close(before, after)
        for name, parameter in tuning.named_parameters():
            if name in tuning.state_dict():
                parameter.normal_(std=0.1)
        taught = tuning.language(input_ids=batch.ids_BX, attention_mask=batch.seen_BX.long()).logits
        assert not torch.allclose(taught, before, atol=0.1)
        merged = tuning.merged()(input_ids=batch.ids_BX, attention_mask=batch.seen_BX.long()).logits
        torch.testing.assert_close(merged, taught, rtol=1e-3, atol=1e-3)


def test_a_later_word_changes_nothing_before_it(kind: str) -> None:
    model, words = extended(kind)
    tuning = MotionLanguageModel(model, words.vocabulary, INSTRUCTION).eval()
    item = spoken()[5]
    parts = words.example(InstructionExamples([item], words, INSTRUCTION).tasks[0], *_of(item), whole=True)
    other_SR = item.codes_SR.copy()
    other_SR[-1] = (other_SR[-1] + 1) % 6
    changed = words.example(
        InstructionExamples([item], words, INSTRUCTION).tasks[0],
        item.captions[0],
        other_SR,
        _of(item)[2],
        whole=True,
    )
    one, other = (tuning(collate([each], words.padding)) for each in (parts, changed))
    torch.testing.assert_close(one[:, :-2], other[:, :-2])
    assert not torch.allclose(one[:, -2:], other[:, -2:])


def test_the_loss_is_on_the_answer_alone_and_padding_counts_nothing() -> None:
    model, words = extended()
    tuning = MotionLanguageModel(model, words.vocabulary, INSTRUCTION).eval()
    examples = InstructionExamples(spoken(), words, INSTRUCTION)
    sequences = [examples.draw(item, np.random.default_rng(item)) for item in range(8)]
    batch = collate(sequences, words.padding)
    together = token_losses(tuning(batch), batch)
    alone = [collate([parts], words.padding) for parts in sequences]
    each = torch.cat([token_losses(tuning(one), one) for one in alone])
    torch.testing.assert_close(together, each, rtol=1e-4, atol=1e-4)
    predicted = sum(len(part.ids) for parts in sequences for part in parts if part.is_predicted)
    assert int(batch.counted_BL.sum()) == predicted < sum(map(length, sequences))
    mean, _ = losses_of(tuning, sequences, words.padding, CPU)
    assert mean == pytest.approx(float(together.sum().detach()) / predicted, rel=1e-4)


def test_mixtures_draw_by_their_weights() -> None:
    _, words = extended()
    mixture = AlignmentMixture(text_to_motion=0, motion_to_text=0, motion=1, text=3)
    examples = AlignmentExamples(spoken(), words, mixture, ["a cat sleeps"])
    draws = np.random.default_rng(0)
    drawn = [examples.draw(0, draws) for _ in range(400)]
    texts = [parts for parts in drawn if all(part.kind != "motion" for part in parts)]
    assert 0.68 < len(texts) / 400 < 0.82
    with pytest.raises(ValueError, match="every weight is 0"):
        AlignmentMixture(text_to_motion=0, motion_to_text=0, motion=0, text=0)


def test_a_motion_without_captions_is_aligned_alone() -> None:
    _, words = extended()
    mute = SpokenMotion(spoken()[3].codes_SR, ())
    draws = np.random.default_rng(0)
    examples = AlignmentExamples([*spoken(), mute], words, ALIGNMENT.mixture)
    alone = [words.begins(), words.motion(mute.codes_SR), words.ends()]
    assert all(examples.draw(8, draws) == alone for _ in range(20))
    assert "" not in examples.sentences
    for kind in examples.kinds_of_sequences():
        assert kind.name == "motion" or all(captions for _, captions in kind.told)
    without = ALIGNMENT.mixture.model_copy(update={"motion": 0.0})
    assert len(AlignmentExamples([*spoken(), mute], words, without).items) == len(spoken())


def test_where_every_motion_has_captions_the_draws_are_what_they_were() -> None:
    """By hand, as the alignment drew before motions without captions were items."""
    _, words = extended()
    examples = AlignmentExamples(spoken(), words, ALIGNMENT.mixture)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(10):
        for place, item in enumerate(spoken()):
            kind = examples.kinds[int(other.choice(len(examples.kinds), p=examples.shares))]
            if kind == "text":
                wanted = examples.sentence(examples.sentences[int(other.integers(len(examples.sentences)))])
            else:
                wanted = examples.pair(kind, item.captions[int(other.integers(1))], item.codes_SR)
            assert examples.draw(place, one) == wanted
    assert one.random() == other.random()


def test_motions_without_captions_are_trained_on_beside_others(vqvae: MotionTokenizer) -> None:
    mute = [SpokenMotion(item.codes_SR, ()) for item in spoken()]
    few = ALIGNMENT.model_copy(update={"training": QUICK.model_copy(update={"steps": 2})})
    _, _, found = align(causal(), vqvae, few, [*spoken(), *mute], validation=spoken()[:3])
    assert np.isfinite(found["val_loss"])
    with pytest.raises(LampError, match="there is no motion with a caption to train on"):
        align(causal(), vqvae, few, mute)


def test_batches_are_a_function_of_seed_and_step_and_of_similar_lengths() -> None:
    _, words = extended()
    items = [item for _ in range(6) for item in spoken()]
    examples = InstructionExamples(items, words, INSTRUCTION)

    def made(together: int) -> DrawnBatches:
        return DrawnBatches(len(items), examples.draw, QUICK, together)

    one, other = made(4), made(4)
    steps = [9, 0, 25, 3, 0]
    assert [one.whole(step) for step in steps] == [other.whole(step) for step in reversed(steps)][::-1]
    epoch = [one.whole(step) for step in range(12)]
    assert [len(batch) for batch in epoch] == [4] * 12

    def padded(batches: DrawnBatches) -> int:
        return sum(max(map(length, batches.whole(step))) * 4 for step in range(12))

    assert padded(one) < padded(made(1))


def test_a_saved_model_answers_as_before_and_is_checked(tmp_path: Path) -> None:
    model, words, _ = tuned(INSTRUCTION)
    prompts = [
        words.prompt(InstructionExamples(spoken(), words, INSTRUCTION).tasks[0], spoken()[0].captions[0])
    ]
    grammar = MotionGrammar(words.vocabulary, [5])
    plain = model.merged()
    before = answer(plain, prompts, grammar, words.padding)
    folder = tmp_path / "instruction"
    save_speaker(folder, plain, words, origin("short"))
    loaded = load_speaker(folder, CPU)
    assert answer(loaded.base.model, prompts, grammar, words.padding) == before
    assert loaded.vocabulary == words.vocabulary
    opened = AutoModelForCausalLM.from_pretrained(folder)
    assert answer(opened.eval(), prompts, grammar, words.padding) == before
    other = origin("short")
    save_speaker(folder, plain, words, type(other)(**{**other.__dict__, "prompts_hash": "0"}))
    with pytest.raises(LampError, match="the prompt file short is not the one"):
        load_speaker(folder, CPU)
    with pytest.raises(LampError, match="`lamp run --until alignment` makes it"):
        load_speaker(tmp_path / "alignment", CPU)


@pytest.mark.parametrize("stage", ["alignment", "instruction"])
def test_what_is_decoded_is_spread_over_the_val_split(
    stage: str, vqvae: MotionTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answers(language: Any, words: MotionWords, questions: Any) -> dict[str, float]:
        asked.extend(question.item.captions[0] for question in questions)
        return {}

    monkeypatch.setattr(training, "answers_to", answers)
    few = {"decoded": 3, "training": QUICK.model_copy(update={"steps": 1})}
    if stage == "alignment":
        align(causal(), vqvae, ALIGNMENT.model_copy(update=few), spoken(), validation=spoken())
    else:
        tune(speaker(), INSTRUCTION.model_copy(update=few), spoken(), validation=spoken())
    assert set(asked) == {spoken()[place].captions[0] for place in (0, 4, 7)}


def test_what_cannot_be_trained_is_refused(vqvae: MotionTokenizer) -> None:
    with pytest.raises(LampError, match="there is no motion with a caption to train on"):
        align(causal(), vqvae, ALIGNMENT, [])
    with pytest.raises(LampError, match=r"a sequence of .* words is longer than the language model's 96"):
        tune(speaker(), INSTRUCTION.model_copy(update={"prompts": "V0"}), spoken())
    with pytest.raises(LampError, match=r"target_modules \['no_such_layer'\]"):
        tune(speaker(), INSTRUCTION.model_copy(update={"target_modules": ("no_such_layer",)}), spoken())


def _of(item: Any) -> tuple[str, np.ndarray, np.ndarray]:
    return item.captions[0], item.codes_SR, np.arange(len(item.codes_SR)) == 0
