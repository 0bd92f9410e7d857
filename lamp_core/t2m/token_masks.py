"""Which tokens are masked in training (section 3.2.1) and in decoding (section 3.5).

Shapes: B batch, S motion tokens.
"""

import math

import torch
from torch import Tensor

MASKED = 0.8
RANDOM = 0.1


def mask_ratio(progress: Tensor) -> Tensor:
    """Return cos(pi r / 2): 1 at r = 0, where everything is masked, 0 at r = 1."""
    return torch.cos(progress * math.pi / 2)


def mask_count(progress: Tensor, lengths_B: Tensor) -> Tensor:
    """Return how many tokens of the true length are masked: the ratio's share, rounded up, at least one."""
    return (mask_ratio(progress) * lengths_B).ceil().long().clamp(min=1).minimum(lengths_B)


def choose_lowest(scores_BS: Tensor, counts_B: Tensor) -> Tensor:
    """Return (B, S) booleans: the ``counts`` positions of lowest score in each row."""
    return scores_BS.argsort(dim=-1).argsort(dim=-1) < counts_B[:, None]


def mask_tokens(
    tokens_BS: Tensor, lengths_B: Tensor, codebook_size: int, mask_token: int
) -> tuple[Tensor, Tensor]:
    """Mask a random share of each row's true length, as BERT does.

    Of the chosen tokens 80 % become [MASK], 10 % a random code and 10 % stay.

    Returns:
        The corrupted tokens (B, S) and the chosen positions (B, S), on which the loss is taken.
    """
    batch, longest = tokens_BS.shape
    device = tokens_BS.device
    valid_BS = torch.arange(longest, device=device)[None] < lengths_B[:, None]
    counts_B = mask_count(torch.rand(batch, device=device), lengths_B)
    scores_BS = torch.rand(batch, longest, device=device).masked_fill(~valid_BS, 2.0)
    chosen_BS = choose_lowest(scores_BS, counts_B)
    fate_BS = torch.rand(batch, longest, device=device)
    random_BS = torch.randint(codebook_size, (batch, longest), device=device)
    corrupted = torch.where(chosen_BS & (fate_BS < MASKED), mask_token, tokens_BS)
    replaced = chosen_BS & (fate_BS >= MASKED) & (fate_BS < MASKED + RANDOM)
    return torch.where(replaced, random_BS, corrupted), chosen_BS
