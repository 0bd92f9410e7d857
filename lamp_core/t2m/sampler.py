"""Iterative decoding with classifier-free guidance (section 3.5, Eq. 4).

Shapes: B batch, S motion tokens, K codes, N masked positions of the batch.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.token_masks import choose_lowest, mask_count
from lamp_core.t2m.transformer import Attention, MaskedMotionTransformer, Prompt

FIXED = 1.5
"""Confidence of a code that stays: above any probability, so that it is never masked again."""
COLDEST = 1e-6
"""Smallest temperature; there the likeliest code always wins."""

Schedule = Literal["constant", "falling"]


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Args:
        steps: decoding iterations.
        guidance: s of u + s (c - u); 1 is the conditional logits alone, 0 the unconditional ones.
        temperature: of the softmax that codes are drawn from; 0 always takes the likeliest.
        top_k_fraction: share of the codebook that is drawn from, the likeliest codes.
        attention: mask of the transformer.
        schedule: of the guidance over the steps.
    """

    steps: int
    guidance: float
    temperature: float
    top_k_fraction: float
    attention: Attention
    schedule: Schedule = "constant"

    @classmethod
    def of(cls, settings: TextToMotion) -> "Sampling":
        """The sampling of section ``t2m``."""
        return cls(
            settings.sampling_steps,
            settings.guidance,
            settings.temperature,
            settings.top_k_fraction,
            settings.attention_infer,
            settings.guidance_schedule,
        )

    def guidance_at(self, step: int) -> float:
        """The scale at a step, counted from 0: falling, from ``guidance`` at the first one to 1 at the last.

        Between them on a straight line. A scale of 1 or less does not fall, nor does that of a single step.
        """
        if self.schedule == "constant" or self.guidance <= 1.0 or self.steps == 1:
            return self.guidance
        return self.guidance + (1.0 - self.guidance) * step / (self.steps - 1)


class Guide:
    """Logits u + s (c - u) from one pass over conditional and unconditional rows.

    What does not change from step to step, the projected conditions and the masks, is made once, here.

    Args:
        model: in evaluation mode.
        condition: what the texts say.
        lengths_B: true lengths in tokens.
        how: guidance, its schedule, and attention.
    """

    def __init__(
        self, model: MaskedMotionTransformer, condition: Condition, lengths_B: Tensor, how: Sampling
    ) -> None:
        self.model = model
        self.how = how
        conditioned_B = torch.ones_like(lengths_B, dtype=torch.bool)
        passes = {0.0: [~conditioned_B], 1.0: [conditioned_B]}.get(
            how.guidance, [conditioned_B, ~conditioned_B]
        )
        self.passes = len(passes)
        self.prompt: Prompt = model.prompt(
            lengths_B.repeat(self.passes),
            int(lengths_B.max()),
            condition.repeat(self.passes),
            torch.cat(passes),
            how.attention,
        )

    def __call__(self, tokens_BS: Tensor, chosen_BS: Tensor, step: int = 0) -> Tensor:
        """Return logits (N, K) of the chosen positions at a decoding step, counted from 0."""
        logits = self.model.logits(
            tokens_BS.repeat(self.passes, 1), self.prompt, chosen_BS.repeat(self.passes, 1)
        )
        if self.passes == 1:
            return logits
        conditional_NK, unconditional_NK = logits.chunk(2)
        return unconditional_NK.lerp(conditional_NK, self.how.guidance_at(step))


@torch.no_grad()
def sample_tokens(
    model: MaskedMotionTransformer,
    condition: Condition,
    lengths_B: Tensor,
    how: Sampling,
    generator: torch.Generator,
    given_BS: Tensor | None = None,
) -> Tensor:
    """Draw tokens (B, S) for conditions and lengths; every position inside a length gets a code.

    Every iteration fills all masked positions, then masks again the least confident ones, as many as the
    cosine schedule says. A code that was kept is never masked again. Logits are computed at the masked
    positions alone.

    Args:
        model: in evaluation mode.
        condition: what the texts say.
        lengths_B: lengths in tokens, at least one each.
        how: schedule, guidance and filtering.
        generator: on the CPU; the same seed draws the same motion on any device.
        given_BS: codes that stay as they are, S the longest length; the model's mask token where a code is
            to be drawn, which is everywhere without it.
    """
    device = condition.states_BPW.device
    lengths_B = lengths_B.to(device)
    longest = int(lengths_B.max())
    valid_BS = mask_of(lengths_B, longest)
    tokens_BS = torch.full((len(lengths_B), longest), model.mask_token, device=device)
    if given_BS is not None:
        tokens_BS = given_BS.to(device)
    free_BS = (tokens_BS == model.mask_token) & valid_BS
    confidence_BS = torch.full(tokens_BS.shape, FIXED, device=device).masked_fill(free_BS, 0.0)
    guide = Guide(model, condition, lengths_B, how)
    for step in range(how.steps):
        counts_B = mask_count(torch.tensor(step / how.steps), free_BS.sum(dim=1))
        masked_BS = choose_lowest(confidence_BS, counts_B)
        logits_NK = guide(tokens_BS.masked_fill(masked_BS, model.mask_token), masked_BS, step)
        drawn_N, share_N = draw_codes(logits_NK, how.temperature, how.top_k_fraction, generator)
        confidence_BS = torch.full_like(confidence_BS, FIXED).masked_scatter(masked_BS, share_N)
        tokens_BS = tokens_BS.masked_scatter(masked_BS, drawn_N)
    return tokens_BS.masked_fill(~valid_BS, 0)


def kept_codes(fraction: float, codebook_size: int) -> int:
    """Return how many codes that share of the codebook is: rounded, halves down, at least one."""
    return max(1, math.ceil(fraction * codebook_size - 0.5))


def draw_codes(
    logits_NK: Tensor, temperature: float, top_k_fraction: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return drawn codes and their share of the unfiltered distribution, both (N,).

    Codes are drawn among the likeliest ``top_k_fraction`` of the codebook, at least one, by the Gumbel trick.
    """
    top = logits_NK.topk(kept_codes(top_k_fraction, logits_NK.shape[-1]), dim=-1)
    uniform = torch.rand(top.values.shape, generator=generator).clamp(1e-10, 1 - 1e-7).to(logits_NK.device)
    gumbel = -torch.log(-torch.log(uniform))
    winner_N1 = (top.values / max(temperature, COLDEST) + gumbel).argmax(dim=-1, keepdim=True)
    drawn_N1 = top.indices.gather(-1, winner_N1)
    return drawn_N1[:, 0], logits_NK.softmax(dim=-1).gather(-1, drawn_N1)[:, 0]
