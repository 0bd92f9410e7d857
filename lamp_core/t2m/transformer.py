"""Masked motion transformer (section 3.2): what a text says and motion tokens in, code logits out.

Shapes: B batch, S motion tokens, P vectors of the text, X = P + S, K codes, H width, W condition width, N
chosen positions of the batch.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of
from lamp_core.t2m.conditions import Condition, QueryReader
from lamp_core.t2m.layers import Encoder

Attention = Literal["causal", "bidirectional"]


@dataclass(frozen=True)
class Prompt:
    """What stays the same while tokens are decoded step by step.

    Args:
        text_BPH: projected condition, or the vector that stands for no text.
        valid_BS: false behind the true length.
        places_BSH: where a token stands: from the beginning, and to the end where that is told.
        mask: of the attention, see `SelfAttention`.
    """

    text_BPH: Tensor
    valid_BS: Tensor
    places_BSH: Tensor
    mask: Tensor | None


class MaskedMotionTransformer(nn.Module):
    """Transformer over [condition | tokens]; a key-padding mask always, a causal mask on demand.

    The vectors of the condition share one position: word states and queries know which they are.

    Args:
        codebook_size: K; token K is [MASK] and token K + 1 padding.
        condition_dim: W.
        max_tokens: longest motion in tokens.
        settings: section ``t2m``.
        reader: lets LaMP's queries read the words; without it the condition is taken as it is.
    """

    def __init__(
        self,
        codebook_size: int,
        condition_dim: int,
        max_tokens: int,
        settings: TextToMotion,
        reader: QueryReader | None = None,
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
        tells = settings.tell_remaining
        self.remaining_embedding = nn.Embedding(max_tokens, width) if tells else None
        for parameter in (self.token_embedding.weight, self.position_embedding.weight, self.no_condition_H):
            nn.init.normal_(parameter, std=0.02)
        if self.remaining_embedding is not None:
            nn.init.normal_(self.remaining_embedding.weight, std=0.02)
        self.reader = reader

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
        condition: Condition,
        conditioned_B: Tensor,
        attention: Attention,
    ) -> Prompt:
        """Prepare what does not depend on the tokens.

        Args:
            lengths_B: true lengths in tokens.
            longest: S.
            condition: what the text says.
            conditioned_B: false where the item goes without its text.
            attention: ``causal`` or ``bidirectional``; the condition comes first, so causal tokens see it.
        """
        valid_BS = mask_of(lengths_B, longest)
        said = condition if self.reader is None else self.reader(condition)
        text_BPH = self.condition_projection(self.condition_norm(said.states_BPW))
        text_BPH = torch.where(conditioned_B[:, None, None], text_BPH, self.no_condition_H)
        mask = _attention_mask(said.heard(conditioned_B), valid_BS, attention)
        return Prompt(text_BPH, valid_BS, self._places(lengths_B, longest), mask)

    def _places(self, lengths_B: Tensor, longest: int) -> Tensor:
        """Embeddings (B or 1, S, H) of where the tokens stand."""
        places_SH = self.position_embedding.weight[1 : longest + 1]
        if self.remaining_embedding is None:
            return places_SH[None]
        place_S = torch.arange(1, longest + 1, device=lengths_B.device)
        remaining_BS = (lengths_B[:, None] - place_S).clamp(min=0)
        places_BSH: Tensor = places_SH + self.remaining_embedding(remaining_BS)
        return places_BSH

    def logits(self, tokens_BS: Tensor, prompt: Prompt, chosen_BS: Tensor | None = None) -> Tensor:
        """Return logits (B, S, K), or (N, K) of the chosen positions alone, which costs less.

        Args:
            tokens_BS: codes and [MASK]; what stands behind the true length is ignored.
            prompt: condition, lengths and attention.
            chosen_BS: positions whose logits are wanted; all without it.
        """
        tokens_BS = tokens_BS.masked_fill(~prompt.valid_BS, self.padding_token)
        texts = prompt.text_BPH.shape[1]
        tokens_BSH = self.token_embedding(tokens_BS) + prompt.places_BSH
        hidden_BXH = torch.cat([prompt.text_BPH + self.position_embedding.weight[0], tokens_BSH], dim=1)
        if chosen_BS is None:
            states = self.layers(hidden_BXH, prompt.mask)[:, texts:]
        else:
            chosen_BX = torch.nn.functional.pad(chosen_BS, (texts, 0))
            states = self.layers(hidden_BXH, prompt.mask, chosen_BX)
        logits: Tensor = self.head(states)
        return logits

    def forward(
        self,
        tokens_BS: Tensor,
        lengths_B: Tensor,
        condition: Condition,
        conditioned_B: Tensor,
        attention: Attention,
        chosen_BS: Tensor | None = None,
    ) -> Tensor:
        """Return logits of one pass; see `prompt` and `logits`."""
        prompt = self.prompt(lengths_B, tokens_BS.shape[1], condition, conditioned_B, attention)
        return self.logits(tokens_BS, prompt, chosen_BS)


def _attention_mask(valid_BP: Tensor, valid_BS: Tensor, attention: Attention) -> Tensor | None:
    """The mask of [condition | tokens], broadcast to (B, heads, X, X); None is causal without a table.

    What stands behind the true length is later than everything inside it; padding between words and tokens is
    not.
    """
    if attention == "causal" and valid_BP.shape[1] == 1:
        return None
    seen_BX = torch.cat([valid_BP, valid_BS], dim=1)
    if attention == "bidirectional":
        return seen_BX[:, None, None]
    length = seen_BX.shape[1]
    earlier_XX = torch.ones(length, length, dtype=torch.bool, device=seen_BX.device).tril()
    return seen_BX[:, None, None] & earlier_XX
