"""Masked motion transformer (section 3.2): motion tokens and one condition token in, code logits out.

Shapes: B batch, S motion tokens, K codes, H width, W condition width.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of

Attention = Literal["causal", "bidirectional"]


class MaskedMotionTransformer(nn.Module):
    """Transformer over [condition | tokens]; a key-padding mask always, a causal mask on demand.

    Args:
        codes: K; token K is [MASK] and token K + 1 padding.
        condition_width: W, width of LaMP's queries.
        max_tokens: longest motion in tokens.
        settings: section ``t2m``.
    """

    def __init__(self, codes: int, condition_width: int, max_tokens: int, settings: TextToMotion) -> None:
        super().__init__()
        self.codes = codes
        self.condition_width = condition_width
        self.max_tokens = max_tokens
        self.settings = settings
        width = settings.width
        self.token_embedding = nn.Embedding(codes + 2, width)
        self.position_embedding = nn.Embedding(max_tokens + 1, width)
        self.condition_norm = nn.LayerNorm(condition_width)
        self.condition_projection = nn.Linear(condition_width, width)
        self.no_condition_H = nn.Parameter(torch.zeros(width))
        layer = nn.TransformerEncoderLayer(
            width,
            settings.heads,
            settings.feed_forward,
            settings.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, settings.layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, codes)
        for parameter in (self.token_embedding.weight, self.position_embedding.weight, self.no_condition_H):
            nn.init.normal_(parameter, std=0.02)

    @property
    def mask_token(self) -> int:
        """The token that stands for a masked code."""
        return self.codes

    @property
    def padding_token(self) -> int:
        """The token behind the true length."""
        return self.codes + 1

    def forward(
        self,
        tokens_BS: Tensor,
        lengths_B: Tensor,
        condition_BW: Tensor,
        conditioned_B: Tensor,
        attention: Attention,
    ) -> Tensor:
        """Return logits (B, S, K).

        Args:
            tokens_BS: codes and [MASK]; what stands behind the true length is ignored.
            lengths_B: true lengths in tokens.
            condition_BW: LaMP's condition, the mean of the queries that read the text.
            conditioned_B: false where the item goes without its text.
            attention: ``causal`` or ``bidirectional``; the condition comes first, so causal tokens see it.
        """
        length = tokens_BS.shape[1]
        valid_BS = mask_of(lengths_B, length)
        tokens_BS = tokens_BS.masked_fill(~valid_BS, self.padding_token)
        text_BH = self.condition_projection(self.condition_norm(condition_BW))
        text_BH = torch.where(conditioned_B[:, None], text_BH, self.no_condition_H)
        hidden = torch.cat([text_BH[:, None], self.token_embedding(tokens_BS)], dim=1)
        hidden = hidden + self.position_embedding.weight[: length + 1]
        ignored = torch.cat([torch.zeros_like(valid_BS[:, :1]), ~valid_BS], dim=1)
        later = None
        if attention == "causal":
            later = torch.ones(length + 1, length + 1, dtype=torch.bool, device=hidden.device).triu(1)
        states = self.layers(hidden, mask=later, src_key_padding_mask=ignored)
        logits: Tensor = self.head(states[:, 1:])
        return logits
