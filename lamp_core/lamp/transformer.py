"""The joint transformer: motion and text transformer that share their self-attention (LaMP, section 3.1.2).

The sequence is [query stream | text stream]. Self-attention is common to both; each stream has feed-forward
layers of its own; in every second block the queries (the first positions of the query stream) also
cross-attend a context: the motion's latents, or the text's states.
Shapes: B batch, X sequence, Q queries, H width, Y context, C context width, N rows of the context.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lamp_core.lamp.attention import Attention
from lamp_core.training.dropout import Dropout


@dataclass(frozen=True)
class Context:
    """What the queries cross-attend.

    Args:
        states_NYC: latents of the motion, or projected states of the text.
        mask_NY: false behind the true length.
        rows_B: the row that each row of the batch attends; its own without it.
    """

    states_NYC: Tensor
    mask_NY: Tensor
    rows_B: Tensor | None = None

    @property
    def mask_BY(self) -> Tensor:
        """The mask of each row of the batch."""
        return self.mask_NY if self.rows_B is None else self.mask_NY[self.rows_B]


@dataclass(frozen=True)
class Shape:
    """Sizes of the transformer."""

    layers: int
    hidden_dim: int
    heads: int
    feed_forward_dim: int
    context_dim: int
    cross_attention_every: int
    dropout: float


class FeedForward(nn.Sequential):
    """Two linear layers with GELU, then dropout; residual and norm are the block's."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(
            nn.Linear(shape.hidden_dim, shape.feed_forward_dim),
            nn.GELU(),
            nn.Linear(shape.feed_forward_dim, shape.hidden_dim),
            Dropout(shape.dropout),
        )


class Block(nn.Module):
    """Shared self-attention, cross-attention of the queries, a feed-forward layer a stream; norms behind."""

    def __init__(self, shape: Shape, crosses: bool) -> None:
        super().__init__()
        self.attention = Attention(shape.hidden_dim, shape.heads)
        self.attention_norm = nn.LayerNorm(shape.hidden_dim, eps=1e-12)
        self.cross = Attention(shape.hidden_dim, shape.heads, shape.context_dim) if crosses else None
        self.cross_norm = nn.LayerNorm(shape.hidden_dim, eps=1e-12) if crosses else None
        self.text_feed_forward = FeedForward(shape)
        self.text_norm = nn.LayerNorm(shape.hidden_dim, eps=1e-12)
        self.query_feed_forward = FeedForward(shape)
        self.query_norm = nn.LayerNorm(shape.hidden_dim, eps=1e-12)
        self.dropout = Dropout(shape.dropout)

    def forward(
        self, hidden_BXH: Tensor, mask_BXX: Tensor, stream: int, queries: int, context: Context | None
    ) -> Tensor:
        """Return the states after this block; arguments as those of `JointTransformer`."""
        attended = self.dropout(self.attention(hidden_BXH, hidden_BXH, mask_BXX))
        hidden_BXH = self.attention_norm(hidden_BXH + attended)
        if self.cross is not None and self.cross_norm is not None and context is not None and queries:
            queries_BQH, rest = hidden_BXH[:, :queries], hidden_BXH[:, queries:]
            mask_BQY = context.mask_BY[:, None, :].expand(-1, queries, -1)
            crossed = self.cross(queries_BQH, context.states_NYC, mask_BQY, context.rows_B)
            hidden_BXH = torch.cat([self.cross_norm(queries_BQH + self.dropout(crossed)), rest], dim=1)
        made, text = hidden_BXH[:, :stream], hidden_BXH[:, stream:]
        parts = []
        if stream:
            parts.append(self.query_norm(made + self.query_feed_forward(made)))
        if text.shape[1]:
            parts.append(self.text_norm(text + self.text_feed_forward(text)))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


class JointTransformer(nn.Module):
    """A stack of blocks; block 0, and every n-th after it, has cross-attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.blocks = nn.ModuleList(
            Block(shape, crosses=index % shape.cross_attention_every == 0) for index in range(shape.layers)
        )

    def forward(
        self, hidden_BXH: Tensor, mask_BXX: Tensor, stream: int, queries: int, context: Context | None = None
    ) -> Tensor:
        """Return the states of the last block, (B, X, H).

        Args:
            hidden_BXH: embedded sequence, query stream first.
            mask_BXX: true where the row sees the column.
            stream: positions of the query stream (queries and motion codes).
            queries: the leading positions that cross-attend the context.
            context: what they attend; without it the cross-attention is passed over.
        """
        for block in self.blocks:
            hidden_BXH = block(hidden_BXH, mask_BXX, stream, queries, context)
        return hidden_BXH
