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
from lamp_core.t2m.sampler import draw_codes


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

    def vectors(self, codes_BSR: Tensor, layer: int) -> Tensor:
        """Return the sum (B, S, C) of what the layers before ``layer`` have chosen."""
        chosen = [F.embedding(codes_BSR[..., before], self.codebooks_RKC[before]) for before in range(layer)]
        return torch.stack(chosen).sum(dim=0)

    def forward(
        self,
        codes_BSR: Tensor,
        layer: int,
        lengths_B: Tensor,
        condition: Condition,
        conditioned_B: Tensor,
    ) -> Tensor:
        """Return logits (N, K) of the codes of a layer at the N positions inside the true lengths.

        Args:
            codes_BSR: of the layers before it at least; further ones are not read.
            layer: from 1 to R - 1.
            lengths_B: true lengths in tokens.
            condition: what the text says.
            conditioned_B: false where the item goes without its text.
        """
        valid_BS = mask_of(lengths_B, codes_BSR.shape[1])
        said = condition if self.reader is None else self.reader(condition)
        text_BPH = self.condition_projection(self.condition_norm(said.states_BPW))
        text_BPH = torch.where(conditioned_B[:, None, None], text_BPH, self.no_condition_H)
        positions = self.position_embedding.weight
        tokens_BSH = self.vector_projection(self.vector_norm(self.vectors(codes_BSR, layer)))
        tokens_BSH = tokens_BSH + positions[1 : tokens_BSH.shape[1] + 1]
        hidden_BXH = torch.cat([text_BPH + positions[0], tokens_BSH], dim=1)
        hidden_BXH = hidden_BXH + self.layer_embedding.weight[layer - 1]
        seen_BX = torch.cat([said.valid_BP, valid_BS], dim=1)
        chosen_BX = F.pad(valid_BS, (text_BPH.shape[1], 0))
        states_NH = self.encoder(hidden_BXH, seen_BX[:, None, None], chosen_BX)
        logits_NK: Tensor = self.heads[layer - 1](states_NH)
        return logits_NK


@torch.no_grad()
def fill_layers(
    model: ResidualTransformer,
    first_BS: Tensor,
    condition: Condition,
    lengths_B: Tensor,
    generator: torch.Generator,
    *,
    guidance: float | None = None,
    given: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the codes (B, S, R) of all layers, those of the first as they are; 0 behind the true length.

    Args:
        model: in evaluation mode.
        first_BS: codes of the first layer.
        condition: what the texts say.
        lengths_B: true lengths in tokens.
        generator: on the CPU; the same seed draws the same motion on any device.
        guidance: in place of that of the settings; 0 where there is no text.
        given: codes (B, S, R) of all layers, and where (B, S) they stay as they are.
    """
    settings = model.settings
    guidance = settings.guidance if guidance is None else guidance
    device = first_BS.device
    lengths_B = lengths_B.to(device)
    valid_BS = mask_of(lengths_B, first_BS.shape[1])
    codes_BSR = torch.zeros(*first_BS.shape, model.shape.layers, dtype=torch.long, device=device)
    codes_BSR[..., 0] = first_BS.masked_fill(~valid_BS, 0)
    for layer in range(1, model.shape.layers):
        logits_NK = _guided(model, codes_BSR, layer, lengths_B, condition, guidance)
        drawn_N, _ = draw_codes(logits_NK, settings.temperature, settings.top_k_fraction, generator)
        drawn_BS = torch.zeros_like(first_BS).masked_scatter(valid_BS, drawn_N)
        if given is not None:
            given_BSR, stays_BS = given
            drawn_BS = torch.where(stays_BS, given_BSR[..., layer], drawn_BS)
        codes_BSR[..., layer] = drawn_BS
    return codes_BSR


def _guided(
    model: ResidualTransformer,
    codes_BSR: Tensor,
    layer: int,
    lengths_B: Tensor,
    condition: Condition,
    guidance: float,
) -> Tensor:
    """Logits u + s (c - u) of a layer from one pass over both."""
    with_text_B = torch.ones_like(lengths_B, dtype=torch.bool)
    if guidance in (0.0, 1.0):
        return torch.as_tensor(model(codes_BSR, layer, lengths_B, condition, with_text_B & bool(guidance)))
    logits = model(
        codes_BSR.repeat(2, 1, 1),
        layer,
        lengths_B.repeat(2),
        condition.repeat(2),
        torch.cat([with_text_B, ~with_text_B]),
    )
    conditional_NK, unconditional_NK = logits.chunk(2)
    return torch.as_tensor(unconditional_NK.lerp(conditional_NK, guidance))
