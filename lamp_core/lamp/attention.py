"""Multi-head attention with boolean masks.

Shapes: B batch, X queries of the attention, Y keys, H width, C width of the context.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Scaled dot-product attention over a sequence itself or over a context.

    Args:
        width: H.
        heads: attention heads; must divide the width.
        dropout: on the attention weights, in training.
        context_width: width of keys' and values' source; H without it.
    """

    def __init__(self, width: int, heads: int, dropout: float, context_width: int | None = None) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(context_width or width, width)
        self.value = nn.Linear(context_width or width, width)
        self.output = nn.Linear(width, width)

    def forward(self, hidden_BXH: Tensor, context_BYC: Tensor, mask_BXY: Tensor) -> Tensor:
        """Attend from ``hidden`` to ``context`` where ``mask`` is true; (B, X, H)."""
        query, key, value = (
            layer(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, source in (
                (self.query, hidden_BXH),
                (self.key, context_BYC),
                (self.value, context_BYC),
            )
        )
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, mask_BXY[:, None], dropout)
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output
