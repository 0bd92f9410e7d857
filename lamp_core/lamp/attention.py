"""Multi-head attention with boolean masks.

Dropout is on what the attention gives, never on its weights: that keeps the fused kernels, and the random
numbers of a weight matrix a head cost more than they help.
Shapes: B batch, X queries of the attention, Y keys, H width, C width of the context, N rows of the context.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Scaled dot-product attention over a sequence itself or over a context.

    Args:
        width: H.
        heads: attention heads; must divide the width.
        context_dim: width of keys' and values' source; H without it.
    """

    def __init__(self, width: int, heads: int, context_dim: int | None = None) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(context_dim or width, width)
        self.value = nn.Linear(context_dim or width, width)
        self.output = nn.Linear(width, width)

    def forward(
        self, hidden_BXH: Tensor, context_NYC: Tensor, mask_BXY: Tensor, rows_B: Tensor | None = None
    ) -> Tensor:
        """Attend from ``hidden`` to ``context`` where ``mask`` is true; (B, X, H).

        Args:
            hidden_BXH: what looks.
            context_NYC: what is seen.
            mask_BXY: true where it is seen.
            rows_B: the row of the context that each row of ``hidden`` looks at, so that keys and values of a
                context that several rows share are computed once; its own without it.
        """
        query, key, value = (
            self._split(layer(source))
            for layer, source in (
                (self.query, hidden_BXH),
                (self.key, context_NYC),
                (self.value, context_NYC),
            )
        )
        if rows_B is not None:
            key, value = key[rows_B], value[rows_B]
        mixed = F.scaled_dot_product_attention(query, key, value, mask_BXY[:, None])
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output

    def _split(self, states: Tensor) -> Tensor:
        """(rows, length, H) to (rows, heads, length, H / heads)."""
        return states.view(*states.shape[:-1], self.heads, -1).transpose(1, 2)
