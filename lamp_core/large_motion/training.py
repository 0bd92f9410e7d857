"""Train a large motion model: captions and motions in packed rows, every weight (section 4.1).

Shapes: S motion tokens, R channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.large_motion import LargeMotion
from lamp_core.errors import LampError
from lamp_core.large_motion.model import LargeMotionModel, layers_of
from lamp_core.large_motion.packing import pack
from lamp_core.large_motion.part_captions import check_parts, drawn_parts, drawn_text
from lamp_core.large_motion.start import TASK, started
from lamp_core.large_motion.train_items import TrainItems, example, longest_of
from lamp_core.m2t.language_model import CausalModel
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.tasks import Shares
from lamp_core.motion_language.validation import answers_to, question_of
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import Segment
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.loop import fit
from lamp_core.training.replicas import Replicas
from lamp_core.training.seeds import draw_apart
from lamp_core.training.validation import Validation
from lamp_core.training.waiting import Waiting
from lamp_core.training.watching import UNWATCHED, Watching

MONITORED = "val_loss"
ROWS_TOGETHER = 16
"""Rows of a validation that are computed at once."""


@dataclass(frozen=True)
class Items:
    """What is trained on, and what is measured.

    Args:
        train: of the train split, without what is held out.
        val: of the val split, without what is held out; none for no validation.
        unseen: of held-out actions, whatever their split.
    """

    train: TrainItems
    val: Sequence[SpokenMotion] = ()
    unseen: Sequence[SpokenMotion] = ()


def train_large_motion(
    base: CausalModel,
    tokenizer: MotionTokenizer,
    settings: LargeMotion,
    items: Items,
    watching: Watching = UNWATCHED,
    waiting: Waiting | None = None,
) -> tuple[LargeMotionModel, MotionWords, dict[str, float]]:
    """Train a language model on captions and motions.

    Args:
        base: causal language model, on the device that trains; changed in place.
        tokenizer: whose codes become words.
        settings: section ``large_motion``.
        items: what is trained on and measured; the loss of ``val`` decides which weights are kept.
        watching: checkpoints and reports.
        waiting: clock of what the steps wait for their items.

    Returns:
        The model, its words, and what the validation measures of it. Where it is sharded, the first process
        has all of it, and the others a shard and nothing measured.

    Raises:
        LampError: the model is not causal, there is nothing to train on, or the longest clip has no room.
    """
    waiting = waiting or Waiting()
    held, words = _held_and_words(base, tokenizer, settings, items)
    model = held.module

    def measure() -> dict[str, float]:
        with waiting.aside():
            return measured(model, words, settings, items) if items.val else {}

    with items.train.batches(partial(drawn, words, settings), settings.training) as batches:

        def losses(number: int) -> dict[str, Tensor]:
            with waiting.for_items():
                sequences = share(batches.whole(number))
            draw_apart()
            batch = pack(sequences, settings.context, words.padding).to(next(model.parameters()).device)
            total, right, count = model(batch)
            return {"loss": shared_mean(total, count), "accuracy": shared_mean(right, count)}

        fit(
            model,
            losses,
            settings.training,
            checkpoints=watching.checkpoints,
            on_log=watching.on_log,
            on_progress=watching.on_progress,
            validate=Validation(measure, MONITORED, "lower") if items.val else None,
            held=held,
        )
        waiting.end()
    model = held.whole_module()
    return model, words, measure() if held.is_whole else {}


def _held_and_words(
    base: CausalModel, tokenizer: MotionTokenizer, settings: LargeMotion, items: Items
) -> tuple[Replicas[LargeMotionModel], MotionWords]:
    """The model as the processes hold it, and its words; LampError as `train_large_motion`."""
    if not len(items.train):
        raise LampError("there is no motion with a caption to train on; see data/ingest/rejected.parquet")
    check_parts(items.train.parts(), settings.part_captions)
    language, words = started(base, tokenizer, settings, items.train.captions())
    check_context(items, words, settings)
    return held_model(language, words, settings), words


def held_model(language: Any, words: MotionWords, settings: LargeMotion) -> Replicas[LargeMotionModel]:
    """The model as the processes hold it (*switch* ``sharding``)."""
    model = LargeMotionModel(
        language, words.vocabulary, gradient_checkpointing=settings.gradient_checkpointing
    )
    if settings.sharding == "none":
        return Replicas(model)
    from lamp_core.training.sharding import Shards  # torch takes seconds to import what it stands on

    return Shards(model, layers_of(model.language))


def drawn(
    words: MotionWords, settings: LargeMotion, item: SpokenMotion, draws: np.random.Generator
) -> list[Segment]:
    """The sequence of an item with one of its captions, those of parts beside it or in its place."""
    codes_SR = item.drawn_codes(draws)
    caption, of_parts = drawn_text(item, settings.part_captions, draws)
    return example(words, caption, codes_SR, whole=settings.loss_on == "all", of_parts=of_parts)


def check_context(items: Items, words: MotionWords, settings: LargeMotion) -> None:
    """Raise LampError where the longest clip has no room in a row."""
    most, measured_on = settings.part_captions.told, [*items.val, *items.unseen]
    longest = max(items.train.longest(words, most), longest_of(measured_on, words, most))
    if longest > settings.context:
        channels = len(words.vocabulary.channels)
        raise LampError(
            f"the longest clip takes {longest} words ({channels} a motion token, and its caption), and "
            f"a row has {settings.context}; raise large_motion.context, or lower large_motion.max_frames"
        )


def mean_losses(
    model: LargeMotionModel, words: MotionWords, context: int, items: Sequence[SpokenMotion]
) -> tuple[float, float]:
    """Return the mean cross entropy of a word of motion of all items with their first captions, and the share
    of right ones."""
    sequences = [example(words, item.captions[0], item.codes_SR) for item in items]
    return _mean_losses(model, words, context, sequences)


def mean_losses_by_parts(
    model: LargeMotionModel, words: MotionWords, settings: LargeMotion, items: Sequence[SpokenMotion]
) -> tuple[float, float]:
    """Return the same of items that are told of by some of their parts alone, the same ones every time."""
    told = [
        drawn_parts(item, settings.part_captions.most, np.random.default_rng(place))
        for place, item in enumerate(items)
    ]
    sequences = [
        example(words, None, item.codes_SR, of_parts=of_parts)
        for item, of_parts in zip(items, told, strict=True)
    ]
    return _mean_losses(model, words, settings.context, sequences)


@torch.no_grad()
def _mean_losses(
    model: LargeMotionModel, words: MotionWords, context: int, sequences: Sequence[list[Segment]]
) -> tuple[float, float]:
    device = next(model.parameters()).device
    total, right, count = 0.0, 0, 0
    together = max(1, ROWS_TOGETHER * context // max(map(length, sequences)))
    for start in range(0, len(sequences), together):
        batch = pack(sequences[start : start + together], context, words.padding).to(device)
        losses, is_right, predicted = model(batch)
        total, right, count = total + float(losses), right + int(is_right), count + int(predicted)
    return total / count, right / count


def measured(
    model: LargeMotionModel, words: MotionWords, settings: LargeMotion, items: Items
) -> dict[str, float]:
    """``val_loss`` and ``val_accuracy`` of a word of motion, ``val_codes`` of decoded tokens, and the same of
    held-out actions as ``unseen_loss`` and ``unseen_accuracy``; where captions of parts are trained on, of
    instructions that tell of parts alone as ``part_loss`` and ``part_accuracy``."""
    loss, accuracy = mean_losses(model, words, settings.context, items.val)
    found = {MONITORED: loss, "val_accuracy": accuracy}
    if items.unseen:
        loss, accuracy = mean_losses(model, words, settings.context, items.unseen)
        found |= {"unseen_loss": loss, "unseen_accuracy": accuracy}
    by_parts = [item for item in items.val if settings.part_captions.share and item.part_captions]
    if by_parts:
        loss, accuracy = mean_losses_by_parts(model, words, settings, by_parts)
        found |= {"part_loss": loss, "part_accuracy": accuracy}
    questions = [
        question_of(TASK, item, words, Shares(), np.random.default_rng(place))
        for place, item in enumerate(items.val[: settings.decoded])
    ]
    answers = answers_to(model.language, words, questions) if questions else {}
    return found | {f"val_{name}": value for name, value in answers.items()}
