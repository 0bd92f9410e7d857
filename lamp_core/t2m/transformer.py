"""Masked motion transformer (section 3.2): motion tokens and one condition token in, code logits out.

Shapes: B batch, S motion tokens, X = S + 1 with the condition, K codes, H width, W condition width, N chosen
positions of the batch.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of
from lamp_core.t2m.layers import Encoder

Attention = Literal["causal", "bidirectional"]


@dataclass(frozen=True)
class Prompt:
    """What stays the same while tokens are decoded step by step.

    Args:
        text_BH: projected condition, or the vector that stands for no text.
        valid_BS: false behind the true length.
        mask: of the attention, see `SelfAttention`.
    """

    text_BH: Tensor
    valid_BS: Tensor
    mask: Tensor | None


class MaskedMotionTransformer(nn.Module):
    """Transformer over [condition | tokens]; a key-padding mask always, a causal mask on demand.

    Args:
        codebook_size: K; token K is [MASK] and token K + 1 padding.
        condition_dim: W.
        max_tokens: longest motion in tokens.
        settings: section ``t2m``.
    """

    def __init__(
        self, codebook_size: int, condition_dim: int, max_tokens: int, settings: TextToMotion
    ) -> None:
        super().__init__()
        self.codebook_size = codebook_size
        self.condition_dim = condition_dim
        self.max_tokens = max_tokens
        self.settings = settings
        width = settings.hidden_dim
        self.token_embedding = nn.Embedding(codebook_size + 2, width)
        self.position_embedding = nn.Embedding(max_tokens + 1, width)
        self.condition_norm = nn.LayerNorm(condition_dim)
        self.condition_projection = nn.Linear(condition_dim, width)
        self.no_condition_H = nn.Parameter(torch.zeros(width))
        self.layers = Encoder(
            settings.layers, width, settings.heads, settings.feed_forward_dim, settings.dropout
        )
        self.head = nn.Linear(width, codebook_size)
        for parameter in (self.token_embedding.weight, self.position_embedding.weight, self.no_condition_H):
            nn.init.normal_(parameter, std=0.02)

    @property
    def mask_token(self) -> int:
        """The token that stands for a masked code."""
        return self.codebook_size

    @property
    def padding_token(self) -> int:
        """The token behind the true length."""
        return self.codebook_size + 1

    def prompt(
        self,
        lengths_B: Tensor,
        longest: int,
        condition_BW: Tensor,
        conditioned_B: Tensor,
        attention: Attention,
    ) -> Prompt:
        """Prepare what does not depend on the tokens.

        Args:
            lengths_B: true lengths in tokens.
            longest: S.
            condition_BW: what the text says (`lamp_core.t2m.conditions`).
            conditioned_B: false where the item goes without its text.
            attention: ``causal`` or ``bidirectional``; the condition comes first, so causal tokens see it.
        """
        valid_BS = mask_of(lengths_B, longest)
        text_BH = self.condition_projection(self.condition_norm(condition_BW))
        text_BH = torch.where(conditioned_B[:, None], text_BH, self.no_condition_H)
        mask = None  # causal: what stands behind the true length is later than everything inside it
        if attention == "bidirectional":
            mask = torch.cat([torch.ones_like(valid_BS[:, :1]), valid_BS], dim=1)[:, None, None]
        return Prompt(text_BH, valid_BS, mask)

    def logits(self, tokens_BS: Tensor, prompt: Prompt, chosen_BS: Tensor | None = None) -> Tensor:
        """Return logits (B, S, K), or (N, K) of the chosen positions alone, which costs less.

        Args:
            tokens_BS: codes and [MASK]; what stands behind the true length is ignored.
            prompt: condition, lengths and attention.
            chosen_BS: positions whose logits are wanted; all without it.
        """
        tokens_BS = tokens_BS.masked_fill(~prompt.valid_BS, self.padding_token)
        hidden_BXH = torch.cat([prompt.text_BH[:, None], self.token_embedding(tokens_BS)], dim=1)
        hidden_BXH = hidden_BXH + self.position_embedding.weight[: hidden_BXH.shape[1]]
        if chosen_BS is None:
            states = self.layers(hidden_BXH, prompt.mask)[:, 1:]
        else:
            chosen_BX = torch.cat([torch.zeros_like(chosen_BS[:, :1]), chosen_BS], dim=1)
            states = self.layers(hidden_BXH, prompt.mask, chosen_BX)
        logits: Tensor = self.head(states)
        return logits

    def forward(
        self,
        tokens_BS: Tensor,
        lengths_B: Tensor,
        condition_BW: Tensor,
        conditioned_B: Tensor,
        attention: Attention,
        chosen_BS: Tensor | None = None,
    ) -> Tensor:
        """Return logits of one pass; see `prompt` and `logits`."""
        prompt = self.prompt(lengths_B, tokens_BS.shape[1], condition_BW, conditioned_B, attention)
        return self.logits(tokens_BS, prompt, chosen_BS)
