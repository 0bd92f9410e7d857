"""The loss of captions, word by word."""

import torch.nn.functional as F
from torch import Tensor


def caption_losses(logits_BLV: Tensor, ids_BL: Tensor, mask_BL: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the sum of the cross entropy of each caption's word pieces and its end, (B,)."""
    losses_BL = F.cross_entropy(
        logits_BLV.transpose(1, 2), ids_BL, reduction="none", label_smoothing=smoothing
    )
    return (losses_BL * mask_BL).sum(dim=1)
