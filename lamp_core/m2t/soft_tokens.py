"""Motions as soft tokens of a language model: LaMP's query states, and the tokenizer's latents behind them.

Eight vectors of a small LaMP have to say two actions with their counts and sides; the latents are the
motion's own sequence, in its order, and the language model's positions tell that order.
Shapes: B batch, S motion tokens, C code width, G groups of motion tokens, Q queries, H width of LaMP, E width
of the language model's word embeddings, N soft tokens of all motions.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.captioning import MotionToText
from lamp_core.lamp.model import LaMPShape


@dataclass(frozen=True)
class MotionStates:
    """What soft tokens are made of.

    Args:
        queries_BQH: LaMP's query states.
        latents_BSC: of the tokenizer; what stands behind the true length counts nothing.
        mask_BS: false behind the true length.
    """

    queries_BQH: Tensor
    latents_BSC: Tensor
    mask_BS: Tensor

    def __len__(self) -> int:
        return len(self.queries_BQH)


def reads_latents(settings: MotionToText) -> bool:
    """Whether the tokenizer's latents are soft tokens too."""
    return settings.reads == "queries_and_latents"


def longest_soft_tokens(lamp: LaMPShape, settings: MotionToText) -> int:
    """Soft tokens of the longest motion."""
    return lamp.queries + soft_latents(lamp.max_tokens, settings)


def soft_latents(tokens: int, settings: MotionToText) -> int:
    """How many soft tokens the latents of so many motion tokens are."""
    return -(-tokens // settings.latents_together) if reads_latents(settings) else 0


class LatentProjection(nn.Module):
    """Latents, whose scale is the tokenizer's own, as soft tokens as large as word embeddings.

    Args:
        code_dim: C.
        together: neighbours that are one soft token; where the last has fewer, the rest is zero.
        words: of the language model.
    """

    def __init__(self, code_dim: int, together: int, words: nn.Embedding) -> None:
        super().__init__()
        self.together = together
        self.norm = nn.LayerNorm(code_dim, device=words.weight.device)
        self.linear = linear_among_words(code_dim * together, words)

    def forward(self, latents_BSC: Tensor, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return soft tokens (B, G, E), and (B, G) false where none stands."""
        normed_BSC = self.norm(latents_BSC) * mask_BS[..., None]
        missing = -latents_BSC.shape[1] % self.together
        normed_BSC, mask_BS = F.pad(normed_BSC, (0, 0, 0, missing)), F.pad(mask_BS, (0, missing))
        groups_BGC = normed_BSC.reshape(len(normed_BSC), mask_BS.shape[1] // self.together, -1)
        return self.linear(groups_BGC), mask_BS[:, :: self.together]


@torch.no_grad()
def linear_among_words(inputs: int, words: nn.Embedding) -> nn.Linear:
    """Return a layer that makes normalised vectors as large as word embeddings from the start."""
    layer = nn.Linear(inputs, words.weight.shape[1], device=words.weight.device)
    spread = float(words.weight[: words.num_embeddings].float().std())
    nn.init.normal_(layer.weight, std=spread / inputs**0.5)
    nn.init.zeros_(layer.bias)
    return layer


def one_after_the_other(queries_BQE: Tensor, latents_BGE: Tensor, mask_BG: Tensor) -> Tensor:
    """Return (N, E): of each motion its queries and then its latents, without padding."""
    seen_BQ = mask_BG.new_ones(queries_BQE.shape[:2])
    return torch.cat([queries_BQE, latents_BGE], dim=1)[torch.cat([seen_BQ, mask_BG], dim=1)]
