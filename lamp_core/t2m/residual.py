"""Residual transformer (MoMask, section 3.3): the codes of a layer from those of the layers before it.

Layer by layer, all positions at once: a position sees the whole motion, the text, and the sum of the vectors
that the layers before have chosen.

Shapes: B batch, S motion tokens, P vectors of the text, X = P + S, R layers of the tokenizer, K codes, C code
width, H width, W condition width, N chosen positions of the batch.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.residual import Residual
from lamp_core.datasets.items import mask_of
from lamp_core.t2m.conditions import Condition, QueryReader
from lamp_core.t2m.layers import Encoder


@dataclass(frozen=True)
class ResidualShape:
    """What decides the weights beside the settings.

    Args:
        layers: R, of the tokenizer.
        codebook_size: K, of each.
        code_dim: C.
        condition_dim: W.
        max_tokens: longest motion in tokens.
    """

    layers: int
    codebook_size: int
    code_dim: int
    condition_dim: int
    max_tokens: int


class ResidualTransformer(nn.Module):
    """Transformer over [condition | tokens] in both directions, with a head for each further layer.

    The tokenizer's codebooks are buffers: what a layer adds is the vector that the decoder would read.

    Args:
        shape: sizes of the tokenizer and the condition.
        settings: section ``residual``.
        reader: lets LaMP's queries read the words; without it the condition is taken as it is.
    """

    codebooks_RKC: Tensor

    def __init__(self, shape: ResidualShape, settings: Residual, reader: QueryReader | None = None) -> None:
        super().__init__()
        self.shape, self.settings, self.reader = shape, settings, reader
        width, further = settings.hidden_dim, shape.layers - 1
        self.register_buffer("codebooks_RKC", torch.zeros(shape.layers, shape.codebook_size, shape.code_dim))
        self.vector_norm = nn.LayerNorm(shape.code_dim)
        self.vector_projection = nn.Linear(shape.code_dim, width)
        self.layer_embedding = nn.Embedding(further, width)
        self.position_embedding = nn.Embedding(shape.max_tokens + 1, width)
        self.condition_norm = nn.LayerNorm(shape.condition_dim)
        self.condition_projection = nn.Linear(shape.condition_dim, width)
        self.no_condition_H = nn.Parameter(torch.zeros(width))
        self.encoder = Encoder(
            settings.layers, width, settings.heads, settings.feed_forward_dim, settings.dropout
        )
        self.heads = nn.ModuleList(nn.Linear(width, shape.codebook_size) for _ in range(further))
        for parameter in (
            self.layer_embedding.weight,
            self.position_embedding.weight,
            self.no_condition_H,
        ):
            nn.init.normal_(parameter, std=0.02)

    def untrained(self) -> "ResidualTransformer":
        """Return one of the same shape and codebooks with random weights, in evaluation mode."""
        random = type(self)(self.shape, self.settings, self.reader).to(self.codebooks_RKC.device)
        random.codebooks_RKC.copy_(self.codebooks_RKC)
        return random.eval()

    def vectors(self, codes_BSR: Tensor, layers_B: Tensor) -> Tensor:
        """Return the sum (B, S, C) of what the layers before a row's layer have chosen."""
        sums_BSC = torch.zeros(*codes_BSR.shape[:2], self.shape.code_dim, device=codes_BSR.device)
        for before in range(int(layers_B.max())):
            chosen_BSC = F.embedding(codes_BSR[..., before], self.codebooks_RKC[before])
            sums_BSC = sums_BSC + chosen_BSC * (before < layers_B)[:, None, None]
        return sums_BSC

    def forward(
        self,
        codes_BSR: Tensor,
        layers_B: Tensor,
        lengths_B: Tensor,
        condition: Condition,
        conditioned_B: Tensor,
    ) -> Tensor:
        """Return logits (N, K) of the codes of a layer at the N positions inside the true lengths.

        Args:
            codes_BSR: of the layers before a row's layer at least; further ones are not read.
            layers_B: the layer of each row, from 1 to R - 1.
            lengths_B: true lengths in tokens.
            condition: what the text says.
            conditioned_B: false where the item goes without its text.
        """
        valid_BS = mask_of(lengths_B, codes_BSR.shape[1])
        said = condition if self.reader is None else self.reader(condition)
        text_BPH = self.condition_projection(self.condition_norm(said.states_BPW))
        text_BPH = torch.where(conditioned_B[:, None, None], text_BPH, self.no_condition_H)
        positions = self.position_embedding.weight
        tokens_BSH = self.vector_projection(self.vector_norm(self.vectors(codes_BSR, layers_B)))
        tokens_BSH = tokens_BSH + positions[1 : tokens_BSH.shape[1] + 1]
        hidden_BXH = torch.cat([text_BPH + positions[0], tokens_BSH], dim=1)
        hidden_BXH = hidden_BXH + self.layer_embedding(layers_B - 1)[:, None]
        seen_BX = torch.cat([said.heard(conditioned_B), valid_BS], dim=1)
        chosen_BX = F.pad(valid_BS, (text_BPH.shape[1], 0))
        states_NH = self.encoder(hidden_BXH, seen_BX[:, None, None], chosen_BX)
        return self._said(states_NH, layers_B[:, None].expand_as(valid_BS)[valid_BS])

    def _said(self, states_NH: Tensor, layers_N: Tensor) -> Tensor:
        """Logits (N, K) of each position by the head of its layer."""
        logits_NK = states_NH.new_empty(len(states_NH), self.shape.codebook_size)
        for layer, head in enumerate(self.heads, start=1):
            at_N = layers_N == layer
            logits_NK[at_N] = head(states_NH[at_N]).to(logits_NK.dtype)
        return logits_NK
