"""Losses of an evaluator on pairs that its training does not see."""

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from lamp_core.training.batches import in_order
from lamp_core.training.seeds import seed_everything


def unseen_losses(
    losses_of: Callable[[np.ndarray], Mapping[str, Tensor]], items: int, batch_size: int
) -> dict[str, float]:
    """Return the mean of each loss over all batches, by ``val_`` its name; the same draws every time.

    Args:
        losses_of: indices (B,) of items to the losses of that batch by name.
        items: how many there are, at least one.
        batch_size: items a batch.
    """
    seed_everything(0)
    measured = [losses_of(batch) for batch in in_order(items, batch_size)]
    return {f"val_{name}": float(np.mean([float(part[name]) for part in measured])) for name in measured[0]}
