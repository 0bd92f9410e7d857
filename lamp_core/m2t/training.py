"""Train LaMP-M2T on motions and their captions.

The tokenizer is frozen, so its latents are computed before the first step; so are the query states when the
motion transformer is frozen.
Shapes: B batch, M captions of all items, S motion tokens, C code width, L word pieces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.captioning import MotionToText
from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.batches import LengthBuckets
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.model import MotionCaptioner, with_lora
from lamp_core.m2t.motions import Motions
from lamp_core.m2t.soft_tokens import MotionStates, longest_soft_tokens
from lamp_core.m2t.words import PromptedWords
from lamp_core.pairs.captions import CaptionIndex
from lamp_core.segments import SegmentBatch, right_tokens, token_losses
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

VALIDATED_TOGETHER = 64


@dataclass(frozen=True)
class CaptionedMotion:
    """A motion with its captions.

    Args:
        latents_SC: latents of the frozen tokenizer, at most LaMP's longest motion.
        captions: at least one.
    """

    latents_SC: Tensor
    captions: tuple[str, ...]


class CaptionTable:
    """Motions of a split, and all their captions as word pieces.

    Args:
        items: at least one.
        model: which reads the motions; when it trains its motion transformer along, it reads each batch anew.
    """

    def __init__(self, items: Sequence[CaptionedMotion], model: MotionCaptioner) -> None:
        self.model = model
        self.motions = Motions.read(
            model,
            [item.latents_SC for item in items],
            is_fixed=not model.settings.train_motion_transformer,
        )
        self.pieces = model.words.pieces([caption for item in items for caption in item.captions])
        self.captions = CaptionIndex([len(item.captions) for item in items])
        self.owners_M = self.captions.owners_M
        pieces_M = np.array([len(ids) for ids in self.pieces])
        self.lengths_M = pieces_M + self.motions.soft_latents_N[self.owners_M]

    def batch(self, captions_B: np.ndarray) -> tuple[MotionStates, SegmentBatch]:
        """Return what is read of some captions' motions, and the captions."""
        states = self.motions.states(self.owners_M[captions_B])
        return states, self.model.sequences(states, [self.pieces[caption] for caption in captions_B])


def train_m2t(
    items: Sequence[CaptionedMotion],
    settings: MotionToText,
    base: CausalModel,
    lamp: LaMP,
    *,
    device: torch.device,
    validation: Sequence[CaptionedMotion] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> MotionCaptioner:
    """Train LoRA, the projections, and the motion transformer, at its own rate, when the settings say so.

    The loss is the mean cross entropy of the captions' word pieces and their ends; soft tokens, prompt and
    padding are not predicted. Each epoch takes one caption of every motion.

    Args:
        items: of the train split.
        settings: section ``m2t``.
        base: language model, which LoRA is put into.
        lamp: pretrained; changed when it is trained along.
        device: where to train; language model and LaMP are there.
        validation: items that training does not see; the loss of all their captions decides which weights
            are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is nothing to train on, or LoRA finds nothing to adapt.
    """
    if not items:
        raise LampError("captioning has no item to train on; see data/ingest/rejected.parquet")
    seed_everything(settings.training.seed)
    model = new_captioner(base, lamp, settings, device)
    table = CaptionTable(items, model.eval())
    val = CaptionTable(validation, model) if validation else None
    buckets = LengthBuckets(table.lengths_M, table.captions, settings.training, settings.bucket_batches)

    def losses(number: int) -> dict[str, Tensor]:
        chosen_B = buckets.whole(number)
        draw_apart()
        return batch_losses(model, *table.batch(share(chosen_B)))

    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(partial(validation_loss, model, val), "val_loss", "lower") if val else None,
        shares=model.rate_shares,
    )
    return model


def new_captioner(
    base: CausalModel, lamp: LaMP, settings: MotionToText, device: torch.device
) -> MotionCaptioner:
    """Put LoRA into a language model, and new projections before it.

    Raises:
        LampError: a sequence would be longer than the language model's, or LoRA finds nothing to adapt.
    """
    words = PromptedWords(base.tokenizer, settings.prompt, settings.max_text_tokens)
    soft_tokens = longest_soft_tokens(lamp.shape, settings)
    check_length(base, soft_tokens + len(words.prompt_P) + settings.max_text_tokens)
    return MotionCaptioner(with_lora(base, settings), lamp, words, settings).to(device)


def check_length(base: CausalModel, longest: int) -> None:
    """Raise LampError when soft tokens, prompt and longest caption are more than the model's positions."""
    positions = getattr(base.model.config, "max_position_embeddings", None)
    if positions is not None and longest > positions:
        raise LampError(
            f"soft tokens, prompt and caption take {longest} positions, the language model has {positions}; "
            "lower m2t.max_text_tokens, or raise language_model.max_positions of a model from scratch"
        )


def trained_parameters(model: MotionCaptioner) -> int:
    """How many numbers training changed: those of the state."""
    return sum(tensor.numel() for tensor in model.state_dict().values())


def batch_losses(model: MotionCaptioner, states: MotionStates, batch: SegmentBatch) -> dict[str, Tensor]:
    """Return ``loss`` and ``accuracy``, means over the word pieces of a batch of all processes."""
    logits_BLV = model(states, batch)
    count = batch.counted_BL.sum()
    losses_B = token_losses(logits_BLV, batch, model.settings.label_smoothing)
    return {
        "loss": shared_mean(losses_B.sum(), count),
        "accuracy": shared_mean(right_tokens(logits_BLV, batch), count),
    }


@torch.no_grad()
def validation_loss(model: MotionCaptioner, table: CaptionTable) -> dict[str, float]:
    """Return ``val_loss``, ``val_perplexity`` and ``val_accuracy`` over all captions, a word piece each."""
    total, right, count = 0.0, 0, 0
    for captions_B in _all_captions(table):
        states, batch = table.batch(captions_B)
        logits_BLV = model(states, batch)
        total += float(token_losses(logits_BLV, batch).sum())
        right += int(right_tokens(logits_BLV, batch))
        count += int(batch.counted_BL.sum())
    loss = total / count
    return {"val_loss": loss, "val_perplexity": float(np.exp(loss)), "val_accuracy": right / count}


def _all_captions(table: CaptionTable) -> Iterator[np.ndarray]:
    """All captions in batches of similar length."""
    order = np.argsort(table.lengths_M, kind="stable")
    for start in range(0, len(order), VALIDATED_TOGETHER):
        yield order[start : start + VALIDATED_TOGETHER]
