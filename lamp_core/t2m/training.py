"""Train the masked motion transformer on tokens and precomputed conditions.

LaMP's text side is frozen, so what it says of every caption is computed once, before the first step.
Shapes: B batch, S motion tokens, P vectors of a text, W their width, N items or masked tokens, M captions of
all items.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.errors import LampError
from lamp_core.t2m.conditions import Condition, QueryReader
from lamp_core.t2m.token_masks import mask_tokens
from lamp_core.t2m.token_table import MotionText, TokenTable
from lamp_core.t2m.transformer import Attention, MaskedMotionTransformer
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

VALIDATION_DRAWS = 5
CAUSAL_SHARE = 0.5
"""Of the batches of hybrid training."""

Decode = Callable[[MaskedMotionTransformer], Mapping[str, float]]
"""What motions are worth that a model makes of captions that training does not see."""


def train_t2m(
    items: Sequence[MotionText],
    settings: TextToMotion,
    codebook_size: int,
    max_tokens: int,
    *,
    reader: QueryReader | None = None,
    device: torch.device,
    validation: Sequence[MotionText] = (),
    decoded: tuple[Decode, str] | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> MaskedMotionTransformer:
    """Train with masked prediction (Eq. 2 and 3).

    Args:
        items: of the train split.
        settings: section ``t2m``.
        codebook_size: codes in the tokenizer's codebook.
        max_tokens: longest motion in tokens.
        reader: of the words, where the condition is what LaMP's queries read.
        device: where to train.
        validation: items that training does not see; their masked loss decides which weights are kept.
        decoded: what measures decoded motions at every validation, and the name of its number that decides
            in the loss's place, where the validation is by decoding; higher is better.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is nothing to train on.
    """
    if not items:
        raise LampError("text to motion has no item to train on; see data/ingest/rejected.parquet")
    seed_everything(settings.training.seed)
    width = items[0].conditions[0].shape[1]
    model = MaskedMotionTransformer(codebook_size, width, max_tokens, settings, reader).to(device)
    table = TokenTable(items, device)
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        return _masked_losses(model, *table.batch(sampler.whole(number)))

    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=_validation(model, validation, decoded, device) if validation else None,
    )
    return model


def _validation(
    model: MaskedMotionTransformer,
    items: Sequence[MotionText],
    decoded: tuple[Decode, str] | None,
    device: torch.device,
) -> Validation:
    """By the masked loss alone, or that and decoded motions, which decide then."""
    losses = partial(validation_losses, model, items, device)
    if decoded is None:
        return Validation(losses, "val_loss", "lower")
    decode, monitor = decoded
    return Validation(lambda: {**losses(), **decode(model)}, monitor, "higher")


@torch.no_grad()
def validation_losses(
    model: MaskedMotionTransformer, items: Sequence[MotionText], device: torch.device
) -> dict[str, float]:
    """Return ``val_loss`` and ``val_accuracy``, means over a few fixed draws of captions and masks."""
    draws = []
    for draw in range(VALIDATION_DRAWS):
        seed_everything(draw)
        draws.append(masked_losses(model, items, device))
    return {f"val_{name}": float(torch.stack([losses[name] for losses in draws]).mean()) for name in draws[0]}


def masked_losses(
    model: MaskedMotionTransformer, items: Sequence[MotionText], device: torch.device
) -> dict[str, Tensor]:
    """Return the masked cross entropy of items and the share of masked tokens that are predicted right."""
    return _masked_losses(model, *TokenTable(items, device).batch(np.arange(len(items))))


def _attention_of_a_batch(settings: TextToMotion) -> Attention:
    """The mask of this batch; ``hybrid`` draws one of the two, so that one model decodes with either.

    A whole batch has one mask, since a causal batch takes the fused kernel without a table.
    """
    if settings.attention_train != "hybrid":
        return settings.attention_train
    return "causal" if bool(torch.rand(()) < CAUSAL_SHARE) else "bidirectional"


def _masked_losses(
    model: MaskedMotionTransformer, codes_BS: Tensor, lengths_B: Tensor, condition: Condition
) -> dict[str, Tensor]:
    """The losses of a batch; where several processes train, each draws all masks and predicts its share."""
    attention = _attention_of_a_batch(model.settings)
    corrupted_BS, chosen_BS = mask_tokens(codes_BS, lengths_B, model.codebook_size, model.mask_token)
    drops = model.settings.condition_dropout if model.training else 0.0
    conditioned_B = torch.rand(lengths_B.shape, device=codes_BS.device) >= drops
    draw_apart()
    chosen_BS = share(chosen_BS)
    logits_NK = model(
        share(corrupted_BS),
        share(lengths_B),
        Condition(share(condition.states_BPW), share(condition.valid_BP)),
        share(conditioned_B),
        attention,
        chosen_BS,
    )
    targets_N, count = share(codes_BS)[chosen_BS], chosen_BS.sum()
    return {
        "loss": shared_mean(F.cross_entropy(logits_NK, targets_N, reduction="sum"), count),
        "accuracy": shared_mean((logits_NK.argmax(dim=-1) == targets_N).sum(), count),
    }
