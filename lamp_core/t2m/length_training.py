"""The training of the length estimator, on captions and the lengths of their motions.

Shapes: N captions, P vectors of a text, W their width.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lamp_core.config.models import Length
from lamp_core.t2m.conditions import Condition, ConditionTable
from lamp_core.t2m.length_estimator import LengthEstimator
from lamp_core.training.batches import BatchSampler
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation


def train_length(
    conditions: Sequence[Tensor],
    owners: Tensor,
    tokens: Sequence[int],
    settings: Length,
    *,
    device: torch.device,
    validation: tuple[Sequence[Tensor], Tensor] | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> LengthEstimator:
    """Train on captions and the lengths of their motions.

    Args:
        conditions: vectors (P, W) of each caption.
        owners: (N,), index of each caption's item.
        tokens: length of each item in tokens.
        settings: section ``length``.
        device: where to train.
        validation: vectors of captions that training does not see, and the true lengths in tokens (N,) of
            their motions; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.
    """
    seed_everything(settings.training.seed)
    model = LengthEstimator(conditions[0].shape[1], settings).to(device)
    table, tokens_N = ConditionTable(conditions, device), torch.as_tensor(tokens)[owners].to(device)
    sampler = BatchSampler.of(len(conditions), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        chosen = torch.as_tensor(sampler.indices(number))
        draw_apart()
        return {"loss": model.loss(table.pick(chosen), tokens_N[chosen.to(device)])}

    def measure(conditions: Sequence[Tensor], tokens_N: Tensor) -> dict[str, float]:
        return {"val_loss": float(model.loss(Condition.of(conditions).to(device), tokens_N.to(device)))}

    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(partial(measure, *validation), "val_loss", "lower") if validation else None,
    )
    return model
