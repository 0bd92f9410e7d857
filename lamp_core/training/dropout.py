"""Dropout whose random numbers cost next to nothing on the CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 256


def keep_factors(shape: torch.Size, share: float) -> Tensor:
    """Return 0 for about ``share`` of the numbers and 1 / (1 - share) for the others, on the CPU.

    A byte of a number of the global generator decides an element, eight elements a number, where torch draws
    a number an element, which takes a fifth of a transformer's training step. The share is rounded to a
    256th, and the factor is that of the rounded share, so that the mean stays what it was.
    """
    dropped = round(share * LEVELS)
    count = shape.numel()
    draws = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    factors = torch.empty(shape).copy_(draws.view(torch.uint8)[:count].view(shape))
    return factors.ge_(dropped).mul_(LEVELS / (LEVELS - dropped))


class Dropout(nn.Module):
    """In training, set a share of the numbers to zero and enlarge the rest; as `nn.Dropout`, but fast.

    Args:
        share: of the numbers that are dropped; on the CPU rounded to a 256th.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, some of them dropped in training mode."""
        if not self.training or self.share == 0:
            return values
        if values.device.type != "cpu" or self.share == 1 or torch.compiler.is_compiling():
            return F.dropout(values, self.share)
        return values * keep_factors(values.shape, self.share).to(values.dtype)

    def extra_repr(self) -> str:
        """The share, for the printed model."""
        return f"share={self.share}"
