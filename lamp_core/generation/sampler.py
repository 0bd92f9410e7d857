"""Iterative decoding with classifier-free guidance (section 3.5, Eq. 4).

Shapes: B batch, S motion tokens, K codes, W condition width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of
from lamp_core.generation.masking import choose_lowest, mask_count
from lamp_core.generation.transformer import Attention, MaskedMotionTransformer

KEPT = 1.5
"""Confidence of a code that was kept: above any probability, so that it is never masked again."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        steps: decoding iterations.
        guidance: s of u + s (c - u); 1 is the conditional logits alone.
        temperature: of the softmax that codes are drawn from.
        top_share: the least likely codes are dropped; the top (1 - share) of the codebook is kept.
        attention: mask of the transformer.
    """

    steps: int
    guidance: float
    temperature: float
    top_share: float
    attention: Attention

    @classmethod
    def of(cls, settings: TextToMotion) -> "Sampling":
        """The sampling of section ``t2m``."""
        return cls(
            settings.sampling_steps,
            settings.guidance,
            settings.temperature,
            settings.top_share,
            settings.attention_infer,
        )


@torch.no_grad()
def guided_logits(
    model: MaskedMotionTransformer, tokens_BS: Tensor, lengths_B: Tensor, condition_BW: Tensor, how: Sampling
) -> Tensor:
    """Return u + s (c - u), (B, S, K), from one pass over conditional and unconditional rows."""
    batch = len(tokens_BS)
    on = torch.ones(batch, dtype=torch.bool, device=tokens_BS.device)
    if how.guidance == 1.0:
        return _logits(model, tokens_BS, lengths_B, condition_BW, on, how)
    both = _logits(
        model,
        tokens_BS.repeat(2, 1),
        lengths_B.repeat(2),
        condition_BW.repeat(2, 1),
        torch.cat([on, ~on]),
        how,
    )
    conditional, unconditional = both[:batch], both[batch:]
    return unconditional + how.guidance * (conditional - unconditional)


def _logits(
    model: MaskedMotionTransformer,
    tokens: Tensor,
    lengths: Tensor,
    condition: Tensor,
    conditioned: Tensor,
    how: Sampling,
) -> Tensor:
    logits: Tensor = model(tokens, lengths, condition, conditioned, how.attention)
    return logits


@torch.no_grad()
def sample_tokens(
    model: MaskedMotionTransformer,
    condition_BW: Tensor,
    lengths_B: Tensor,
    how: Sampling,
    generator: torch.Generator,
) -> Tensor:
    """Draw tokens (B, S) for conditions and lengths; every position inside a length gets a code.

    Every iteration fills all masked positions, then masks again the least confident ones, as many as the
    cosine schedule says. A code that was kept is never masked again.

    Args:
        model: in evaluation mode.
        condition_BW: LaMP's conditions.
        lengths_B: lengths in tokens, at least one each.
        how: schedule, guidance and filtering.
        generator: on the CPU; the same seed draws the same motion on any device.
    """
    device = condition_BW.device
    lengths_B = lengths_B.to(device)
    longest = int(lengths_B.max())
    valid_BS = mask_of(lengths_B, longest)
    tokens_BS = torch.full((len(lengths_B), longest), model.mask_token, device=device)
    confidence_BS = torch.zeros(tokens_BS.shape, device=device).masked_fill(~valid_BS, 2.0)
    for step in range(how.steps):
        counts_B = mask_count(torch.tensor(step / how.steps), lengths_B)
        masked_BS = choose_lowest(confidence_BS, counts_B) & valid_BS
        tokens_BS = tokens_BS.masked_fill(masked_BS, model.mask_token)
        logits_BSK = guided_logits(model, tokens_BS, lengths_B, condition_BW, how)
        drawn_BS, share_BS = _draw(logits_BSK, how, generator)
        tokens_BS = torch.where(masked_BS, drawn_BS, tokens_BS)
        confidence_BS = torch.where(masked_BS, share_BS, confidence_BS.clamp(min=KEPT))
    return tokens_BS.masked_fill(~valid_BS, 0)


def keep_top(logits_BSK: Tensor, top_share: float) -> Tensor:
    """Set all but the likeliest (1 - share) of the codes, at least one, to minus infinity."""
    kept = max(1, round((1 - top_share) * logits_BSK.shape[-1]))
    threshold = logits_BSK.topk(kept, dim=-1).values[..., -1:]
    return logits_BSK.masked_fill(logits_BSK < threshold, float("-inf"))


def _draw(logits_BSK: Tensor, how: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return drawn codes and their share of the unfiltered distribution, both (B, S)."""
    uniform = torch.rand(logits_BSK.shape, generator=generator).clamp(1e-10, 1 - 1e-7).to(logits_BSK.device)
    gumbel = -torch.log(-torch.log(uniform))
    drawn_BS = (keep_top(logits_BSK, how.top_share) / how.temperature + gumbel).argmax(dim=-1)
    share_BSK = logits_BSK.softmax(dim=-1)
    return drawn_BS, share_BSK.gather(-1, drawn_BS[..., None]).squeeze(-1)
