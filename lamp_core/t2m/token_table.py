"""Tokens of items and what their captions say, from which batches are picked.

Shapes: B batch, S motion tokens, R channels, P vectors of a text, W their width, N items.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import pad
from lamp_core.pairs.captions import CaptionIndex
from lamp_core.t2m.conditions import Condition, ConditionTable


@dataclass(frozen=True)
class MotionText:
    """Tokens of an item and the conditions of its captions.

    Args:
        codes_S: codes, at most ``max_tokens`` of the model; (S, R) for the layers of a residual tokenizer.
        conditions: vectors (P, W) of each caption.
    """

    codes_S: Tensor
    conditions: Sequence[Tensor]


class TokenTable:
    """Tokens and conditions of all items on the device, from which a batch is picked without a loop."""

    def __init__(self, items: Sequence[MotionText], device: torch.device) -> None:
        codes_NS, self.lengths_N = pad([item.codes_S for item in items])
        self.codes_NS = codes_NS.to(device)
        self.conditions = ConditionTable([text for item in items for text in item.conditions], device)
        self.captions = CaptionIndex([len(item.conditions) for item in items])

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Condition]:
        """Return codes (B, S) or (B, S, R), lengths (B,), and what one drawn caption of each says."""
        items_B, device = torch.as_tensor(indices), self.codes_NS.device
        lengths_B = self.lengths_N[items_B]
        captions_B = torch.as_tensor(self.captions.draw(indices))
        codes_BS = self.codes_NS[items_B.to(device), : int(lengths_B.max())]
        return codes_BS, lengths_B.to(device), self.conditions.pick(captions_B)
