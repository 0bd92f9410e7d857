"""A transformer block, with its norms behind (as BERT) or in front of what they belong to.

Shapes: B batch, X positions, H width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.lamp.attention import Attention
from lamp_core.training.dropout import Dropout

EPSILON = 1e-12


class Block(nn.Module):
    """Self-attention and a feed-forward layer.

    Args:
        width: H.
        heads: of the attention.
        feed_forward_dim: of the feed-forward layer.
        dropout: share of what the two give.
        norm_first: norms in front, for what is trained from nothing; behind, as BERT's weights want it.
    """

    def __init__(
        self, width: int, heads: int, feed_forward_dim: int, dropout: float, *, norm_first: bool = False
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention = Attention(width, heads)
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, feed_forward_dim), nn.GELU(), nn.Linear(feed_forward_dim, width)
        )
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = Dropout(dropout)

    def forward(self, hidden_BXH: Tensor, mask_BXX: Tensor) -> Tensor:
        """The states after the block.

        Args:
            hidden_BXH: the states before.
            mask_BXX: true where the row sees the column.
        """
        if self.norm_first:
            seen_BXH = self.attention_norm(hidden_BXH)
            hidden_BXH = hidden_BXH + self.dropout(self.attention(seen_BXH, seen_BXH, mask_BXX))
            made: Tensor = hidden_BXH + self.dropout(self.feed_forward(self.norm(hidden_BXH)))
            return made
        attended = self.dropout(self.attention(hidden_BXH, hidden_BXH, mask_BXX))
        hidden_BXH = self.attention_norm(hidden_BXH + attended)
        after: Tensor = self.norm(hidden_BXH + self.dropout(self.feed_forward(hidden_BXH)))
        return after


def seen_by_all(mask_BX: Tensor) -> Tensor:
    """The attention mask (B, X, X) by which every position sees all that are not padding."""
    return mask_BX[:, None, :].expand(-1, mask_BX.shape[1], -1)


def start_at_random(module: nn.Module) -> None:
    """Normal(0, 0.02), as BERT."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=0.02)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def unit(weights: Tensor) -> Tensor:
    """Vectors of length one, in float32; one without a word stays zero, its gradient as it comes.

    Divided by the least length that `normalize` allows, that gradient would be larger than all others of the
    batch by twelve orders of magnitude.
    """
    weights = weights.float()
    is_empty = ~weights.any(dim=-1, keepdim=True)
    return torch.where(is_empty, weights, F.normalize(weights, dim=-1))
