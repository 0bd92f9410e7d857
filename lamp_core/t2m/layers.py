"""The layers of the masked motion transformer: pre-norm self-attention and feed-forward.

The same function as `torch.nn.TransformerEncoder`, whose weights load. What it adds: cheap dropout on
the CPU, and a last layer that is finished at chosen positions alone.
Shapes: B batch, X sequence, H width, N chosen positions of the batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.training.dropout import Dropout


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence over itself.

    Args:
        width: H.
        heads: attention heads; must divide the width.
        dropout: on the attention weights, in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.dropout = Dropout(dropout)
        nn.init.xavier_uniform_(self.in_proj.weight)
        for projection in (self.in_proj, self.out_proj):
            nn.init.zeros_(projection.bias)
        self.register_load_state_dict_pre_hook(_name_as_here)  # type: ignore[no-untyped-call]

    def forward(self, hidden_BXH: Tensor, mask: Tensor | None) -> Tensor:
        """Return what each position gathered, (B, X, H), before the output projection.

        Args:
            hidden_BXH: normalised states.
            mask: true where a row sees a column, broadcast to (B, heads, X, X); None is the causal mask.
        """
        batch, length, width = hidden_BXH.shape
        parts = self.in_proj(hidden_BXH).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        share = self.dropout.share if self.training else 0.0
        if share and hidden_BXH.device.type == "cpu":
            mixed = self._mix_with_dropout(query, key, value, mask)
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, mask, share, is_causal=mask is None)
        return mixed.transpose(1, 2).reshape(batch, length, width)

    def _mix_with_dropout(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The same in single steps: on the CPU the fused kernel draws its dropout number by number."""
        if mask is None:
            mask = torch.ones(query.shape[-2], query.shape[-2], dtype=torch.bool).tril()
        hidden = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + hidden
        mixed: Tensor = self.dropout(scores.softmax(dim=-1)) @ value
        return mixed


def _name_as_here(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Weights of `nn.MultiheadAttention` have another name for the joint projection."""
    for name in ("weight", "bias"):
        if f"{prefix}in_proj_{name}" in state:
            state[f"{prefix}in_proj.{name}"] = state.pop(f"{prefix}in_proj_{name}")


class Layer(nn.Module):
    """Norm, attention, norm, feed-forward with GELU; dropout after each, and inside as `nn` has it."""

    def __init__(self, width: int, heads: int, feed_forward_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, heads, dropout)
        self.linear1 = nn.Linear(width, feed_forward_dim)
        self.linear2 = nn.Linear(feed_forward_dim, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, hidden_BXH: Tensor, mask: Tensor | None, chosen_BX: Tensor | None = None) -> Tensor:
        """Return the states after this layer, (B, X, H), or (N, H) of the chosen positions alone."""
        mixed = self.self_attn(self.norm1(hidden_BXH), mask)
        if chosen_BX is not None:
            mixed, hidden_BXH = mixed[chosen_BX], hidden_BXH[chosen_BX]
        hidden = hidden_BXH + self.dropout(self.self_attn.out_proj(mixed))
        inner = self.dropout(F.gelu(self.linear1(self.norm2(hidden))))
        states_BXH: Tensor = hidden + self.dropout(self.linear2(inner))
        return states_BXH


class Encoder(nn.Module):
    """A stack of layers with a norm behind.

    Args:
        layers: how many.
        width: H.
        heads: attention heads.
        feed_forward_dim: width inside the feed-forward layers.
        dropout: share, in training.
    """

    def __init__(self, layers: int, width: int, heads: int, feed_forward_dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, feed_forward_dim, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden_BXH: Tensor, mask: Tensor | None, chosen_BX: Tensor | None = None) -> Tensor:
        """Return states (B, X, H), or (N, H) of the chosen positions, in their order in the batch.

        Args:
            hidden_BXH: embedded sequence.
            mask: see `SelfAttention`.
            chosen_BX: positions whose states are wanted; all without it.
        """
        *early, last = self.layers
        for layer in early:
            hidden_BXH = layer(hidden_BXH, mask)
        states: Tensor = self.norm(last(hidden_BXH, mask, chosen_BX))
        return states
