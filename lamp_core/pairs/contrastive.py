"""The symmetric contrastive loss (InfoNCE) whose equals are no negatives.

Shapes: B batch.
"""

import torch
from torch import Tensor


def contrastive_loss(logits_BB: Tensor, equal_BB: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the symmetric cross entropy towards the diagonal.

    Args:
        logits_BB: scaled similarities (motions, texts) of B pairs.
        equal_BB: pairs that mean the same; they are neither negatives nor smoothed towards.
        smoothing: share of the target that is spread over the true pair and its negatives.
    """
    return 0.5 * (
        _towards_diagonal(logits_BB, equal_BB, smoothing)
        + _towards_diagonal(logits_BB.T, equal_BB.T, smoothing)
    )


def _towards_diagonal(logits_BB: Tensor, equal_BB: Tensor, smoothing: float) -> Tensor:
    diagonal = torch.eye(len(logits_BB), dtype=torch.bool, device=logits_BB.device)
    excluded = equal_BB & ~diagonal
    log_share_BB = logits_BB.masked_fill(excluded, float("-inf")).log_softmax(dim=-1)
    uniform_B = log_share_BB.masked_fill(excluded, 0.0).sum(dim=-1) / (~excluded).sum(dim=-1)
    return -((1 - smoothing) * log_share_BB.diagonal() + smoothing * uniform_B).mean()
