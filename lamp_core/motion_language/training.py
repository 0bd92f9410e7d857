"""Tune a motion language model: aligned with pairs, motions and texts, then by instructions.

Shapes: B batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.base import Optimisation
from lamp_core.config.motion_language import Alignment, Instruction, LanguageTuning
from lamp_core.datasets.spread import spread
from lamp_core.errors import LampError
from lamp_core.m2t.language_model import CausalModel
from lamp_core.motion_language.batches import DrawnBatches
from lamp_core.motion_language.examples import (
    MOTION_TO_TEXT,
    TEXT_TO_MOTION,
    AlignmentExamples,
    InstructionExamples,
    SpokenMotion,
    sentence_alone,
)
from lamp_core.motion_language.folder import Speaker, positions_of
from lamp_core.motion_language.model import MotionLanguageModel
from lamp_core.motion_language.room import Examples, check_room
from lamp_core.motion_language.validation import Question, answers_to, losses_of, question_of
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.segments import (
    Segment,
    SegmentBatch,
    collate,
    next_token_logits,
    right_tokens,
    text,
    token_losses,
)
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation
from lamp_core.training.watching import UNWATCHED, Watching

MONITORED = "val_loss"
Draw = Callable[[int, np.random.Generator], list[Segment]]


@dataclass(frozen=True)
class Held:
    """What a validation asks.

    Args:
        sequences: of the val split; none for no validation.
        sentences: sequences of text alone, by what they are; none where there are none.
        questions: by name of the task.
    """

    sequences: Sequence[list[Segment]]
    sentences: Mapping[str, Sequence[list[Segment]]]
    questions: Mapping[str, Sequence[Question]]

    def measure(self, model: MotionLanguageModel, words: MotionWords) -> dict[str, float]:
        """``val_loss`` and ``val_accuracy`` of a word, how well sentences are known (``val_text_perplexity``
        of captions, ``val_further_text_perplexity`` of what is held out), and how right answers are."""
        device = next(model.parameters()).device
        loss, accuracy = losses_of(model, self.sequences, words.padding, device)
        found = {MONITORED: loss, "val_accuracy": accuracy}
        found |= self.perplexities(model, words.padding, device)
        for task, questions in self.questions.items():
            answers = answers_to(model.language, words, questions) if questions else {}
            found |= {f"val_{task}_{name}": value for name, value in answers.items()}
        return found

    def perplexities(
        self, logits_of: Callable[[SegmentBatch], Tensor], padding: int, device: torch.device
    ) -> dict[str, float]:
        """Of all kinds of sentences."""
        return {
            f"val_{kind}_perplexity": float(np.exp(losses_of(logits_of, sentences, padding, device)[0]))
            for kind, sentences in self.sentences.items()
        }


def align(
    base: CausalModel,
    tokenizer: MotionTokenizer,
    settings: Alignment,
    items: Sequence[SpokenMotion],
    *,
    sentences: Sequence[str] = (),
    prompt: str = "",
    validation: Sequence[SpokenMotion] = (),
    held_out: Sequence[str] = (),
    watching: Watching = UNWATCHED,
) -> tuple[MotionLanguageModel, MotionWords, dict[str, float]]:
    """Extend a language model by the words of a tokenizer, and train it on pairs, motions and texts.

    Args:
        base: causal language model, on the device that trains; changed in place.
        tokenizer: whose codes become words.
        settings: section ``alignment``.
        items: of the train split; those without captions are motions alone.
        sentences: that are drawn alone; the captions without any.
        prompt: what the language model knows sentences behind.
        validation: items that training does not see; their loss decides which weights are kept.
        held_out: further sentences that training does not see.
        watching: checkpoints and reports.

    Returns:
        The model, its words, and what the validation measures of it, with the perplexities ``_before``.

    Raises:
        LampError: the model is not causal, there is nothing to train on, or a sequence is longer than the
            model's.
    """
    _check_items(items)
    seed_everything(settings.training.seed)
    most = settings.max_frames // tokenizer.downsampling
    layout = None if settings.layout == "auto" else settings.layout
    vocabulary = MotionVocabulary.of(
        tokenizer, most, len(base.tokenizer), layout, length_every=settings.length_every
    )
    words = MotionWords(base.tokenizer, vocabulary, "", settings.max_text_tokens)
    whole = settings.loss_on == "all"
    examples = AlignmentExamples(items, words, settings.mixture, sentences, prompt, whole=whole)
    held_back = AlignmentExamples(validation, words, settings.mixture, (), prompt) if validation else None
    _check_room(examples, held_back, base.model, settings)
    held = _aligned_held(held_back, settings.decoded, held_out) if held_back else None
    before = _perplexities_before(base, held, words.padding) if held else {}
    extend(base.model, base.tokenizer, vocabulary, settings.training.seed)
    model = MotionLanguageModel(base.model, vocabulary, settings)
    found = _train(
        model, words, examples.draw, len(examples.items), settings, settings.training, held, watching
    )
    return model, words, found | before


def tune(
    speaker: Speaker,
    settings: Instruction,
    items: Sequence[SpokenMotion],
    *,
    prompt: str = "",
    validation: Sequence[SpokenMotion] = (),
    held_out: Sequence[str] = (),
    watching: Watching = UNWATCHED,
) -> tuple[MotionLanguageModel, MotionWords, dict[str, float]]:
    """Train an aligned model to follow instructions.

    Args:
        speaker: aligned, on the device that trains; changed in place.
        settings: section ``instruction``.
        items: of the train split.
        prompt: what the language model knows sentences behind.
        validation: items that training does not see; their loss decides which weights are kept.
        held_out: further sentences that training does not see.
        watching: checkpoints and reports.

    Returns:
        The model, its words, and what the validation measures of it.

    Raises:
        LampError: there is nothing to train on, or a sequence is longer than the model's.
    """
    _check_items(items)
    seed_everything(settings.training.seed)
    words = speaker.words(settings.prompts)
    examples = InstructionExamples(items, words, settings)
    held_back = InstructionExamples(validation, words, settings) if validation else None
    _check_room(examples, held_back, speaker.base.model, settings)
    held = _instructed_held(held_back, settings.decoded, prompt, held_out) if held_back else None
    model = MotionLanguageModel(speaker.base.model, speaker.vocabulary, settings)
    found = _train(model, words, examples.draw, len(items), settings, settings.training, held, watching)
    return model, words, found


def _train(
    model: MotionLanguageModel,
    words: MotionWords,
    draw: Draw,
    count: int,
    settings: LanguageTuning,
    training: Optimisation,
    held: Held | None,
    watching: Watching,
) -> dict[str, float]:
    """Train, and return what the validation measures in the end."""
    device = next(model.parameters()).device
    batches = DrawnBatches(count, draw, training, settings.bucket_batches)

    def losses(number: int) -> dict[str, Tensor]:
        draw_apart()
        batch = collate(share(batches.whole(number)), words.padding).to(device)
        logits_BLV = model(batch)
        predicted = batch.counted_BL.sum()
        return {
            "loss": shared_mean(token_losses(logits_BLV, batch).sum(), predicted),
            "accuracy": shared_mean(right_tokens(logits_BLV, batch), predicted),
        }

    measure = partial(held.measure, model, words) if held else None
    fit(
        model,
        losses,
        training,
        checkpoints=watching.checkpoints,
        on_log=watching.on_log,
        on_progress=watching.on_progress,
        validate=Validation(measure, MONITORED, "lower") if measure else None,
    )
    return measure() if measure else {}


def _aligned_held(examples: AlignmentExamples, decoded: int, held_out: Sequence[str]) -> Held:
    """Every item once by the mixture, its first caption alone, and both directions to be answered."""
    sequences = _one_of_each(examples.draw, len(examples.items))
    sentences = _sentences(examples.items, held_out, examples.words, examples.prompt)
    questions: dict[str, list[Question]] = {}
    for kind in (TEXT_TO_MOTION, MOTION_TO_TEXT):
        is_text = kind == MOTION_TO_TEXT
        questions[kind] = [
            Question(
                _asked(examples.pair(kind, item.captions[0], item.codes_SR)),
                is_text,
                item,
                np.full(len(item.codes_SR), is_text),
            )
            for item in (examples.items[place] for place in spread(len(examples.items), decoded))
        ]
    return Held(sequences, sentences, questions)


def _perplexities_before(base: CausalModel, held: Held, padding: int) -> dict[str, float]:
    """Of the language model as it came, which knows no word of motion that it could take for text."""
    device = next(base.model.parameters()).device
    found = held.perplexities(partial(next_token_logits, base.model), padding, device)
    return {f"{name}_before": value for name, value in found.items()}


def _sentences(
    items: Sequence[SpokenMotion], held_out: Sequence[str], words: MotionWords, prompt: Segment | None
) -> dict[str, list[list[Segment]]]:
    """The first caption of every item alone, and what is held out of further texts."""
    every = {"text": [item.captions[0] for item in items], "further_text": list(held_out)}
    return {
        kind: [sentence_alone(sentence, words, prompt) for sentence in sentences]
        for kind, sentences in every.items()
        if sentences
    }


def _instructed_held(
    examples: InstructionExamples, decoded: int, prompt: str, held_out: Sequence[str]
) -> Held:
    """Every item once by the mixture, and every task to be answered."""
    chosen = [(place, examples.items[place]) for place in spread(len(examples.items), decoded)]
    questions = {
        task.key: [
            question_of(task, item, examples.words, examples.given, np.random.default_rng(place))
            for place, item in chosen
        ]
        for task in examples.tasks
    }
    words = examples.words
    known_behind = text(words.pieces(prompt)) if prompt else None
    sentences = _sentences(examples.items, held_out, words, known_behind)
    return Held(_one_of_each(examples.draw, len(examples.items)), sentences, questions)


def _one_of_each(draw: Draw, count: int) -> list[list[Segment]]:
    return [draw(item, np.random.default_rng(item)) for item in range(count)]


def _asked(parts: Sequence[Segment]) -> list[Segment]:
    """A sequence up to its answer."""
    return [part for part in parts if not part.is_predicted]


def _check_room(train: Examples, val: Examples | None, language: Any, settings: LanguageTuning) -> None:
    """Raise LampError where a sequence of either split, or an answer, may be longer than the model's."""
    positions = positions_of(language)
    check_room(train, positions)
    if val is not None:
        check_room(val, positions, decoded=settings.decoded > 0)


def _check_items(items: Sequence[SpokenMotion]) -> None:
    if not any(item.captions for item in items):
        raise LampError("there is no motion with a caption to train on; see data/ingest/rejected.parquet")
