"""Further layers of a motion, drawn one after another by the residual transformer.

Shapes: B batch, S motion tokens, R layers of the tokenizer, K codes, N positions inside the true lengths.
"""

import torch
from torch import Tensor

from lamp_core.datasets.items import mask_of
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.residual import ResidualTransformer
from lamp_core.t2m.sampler import draw_codes


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
    layers_B = torch.full_like(lengths_B, layer)
    if guidance in (0.0, 1.0):
        return torch.as_tensor(model(codes_BSR, layers_B, lengths_B, condition, with_text_B & bool(guidance)))
    logits = model(
        codes_BSR.repeat(2, 1, 1),
        layers_B.repeat(2),
        lengths_B.repeat(2),
        condition.repeat(2),
        torch.cat([with_text_B, ~with_text_B]),
    )
    conditional_NK, unconditional_NK = logits.chunk(2)
    return torch.as_tensor(unconditional_NK.lerp(conditional_NK, guidance))
