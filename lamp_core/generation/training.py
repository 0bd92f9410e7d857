"""Train the masked motion transformer on tokens and precomputed conditions.

LaMP is frozen, so the condition of every caption is computed once, before the first step.
Shapes: B batch, S motion tokens, W condition width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import pad
from lamp_core.errors import LampError
from lamp_core.generation.masking import mask_tokens
from lamp_core.generation.transformer import MaskedMotionTransformer
from lamp_core.training import BatchSampler, OnLog, OnProgress, fit, seed_everything


@dataclass(frozen=True)
class MotionText:
    """Tokens of an item and the conditions of its captions.

    Args:
        codes_S: codes, at most ``max_tokens`` of the model.
        conditions_NW: one row a caption.
    """

    codes_S: Tensor
    conditions_NW: Tensor


def train_t2m(
    items: Sequence[MotionText],
    settings: TextToMotion,
    codes: int,
    max_tokens: int,
    *,
    device: torch.device,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> MaskedMotionTransformer:
    """Train with masked prediction (Eq. 2 and 3).

    Raises:
        LampError: there is nothing to train on.
    """
    if not items:
        raise LampError("text to motion has no item to train on; see data/ingest/rejected.parquet")
    seed_everything(settings.training.seed)
    width = items[0].conditions_NW.shape[1]
    model = MaskedMotionTransformer(codes, width, max_tokens, settings).to(device)
    sampler = BatchSampler(len(items), settings.training.batch_size, settings.training.seed)

    def losses(step: int) -> dict[str, Tensor]:
        return masked_losses(model, [items[index] for index in sampler.indices(step)], device)

    fit(model, losses, settings.training, checkpoints=checkpoints, on_log=on_log, on_progress=on_progress)
    return model


def masked_losses(
    model: MaskedMotionTransformer, items: Sequence[MotionText], device: torch.device
) -> dict[str, Tensor]:
    """Return the masked cross entropy of a batch and the share of masked tokens it got right."""
    codes_BS, lengths_B = pad([item.codes_S for item in items])
    condition_BW = torch.stack(
        [item.conditions_NW[int(torch.randint(len(item.conditions_NW), ()))] for item in items]
    )
    codes_BS, lengths_B, condition_BW = (x.to(device) for x in (codes_BS, lengths_B, condition_BW))
    corrupted_BS, chosen_BS = mask_tokens(codes_BS, lengths_B, model.codes, model.mask_token)
    conditioned_B = torch.rand(len(items), device=device) >= model.settings.condition_dropout
    logits_BSK = model(corrupted_BS, lengths_B, condition_BW, conditioned_B, model.settings.attention_train)
    logits, targets = logits_BSK[chosen_BS], codes_BS[chosen_BS]
    accuracy = (logits.argmax(dim=-1) == targets).float().mean()
    return {"loss": F.cross_entropy(logits, targets), "accuracy": accuracy}
