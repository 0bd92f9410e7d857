"""Quantisers without a codebook: the code is written in the numbers of the latent itself.

Shapes: N latents, P parts, d numbers of a latent or bits of a code, K codes; ``...`` any shape.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 1e-12
"""Probabilities below it have no gradient: its logarithm would be infinite."""


class LookupFree(ABC):
    """Latents of d numbers to codes and back, each number by itself.

    Args:
        levels: how many values each number takes; the code is their mixed-radix number, the first fastest.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = tuple(levels)

    @property
    def width(self) -> int:
        """Numbers of a latent, d."""
        return len(self.levels)

    @property
    def codes(self) -> int:
        """How many codes there are, K."""
        return prod(self.levels)

    def bounded(self, latents: Tensor) -> Tensor:
        """Return latents (..., d) in the range that is quantised."""
        return latents

    @abstractmethod
    def digits(self, latents: Tensor) -> Tensor:
        """Return the value that each number of bounded latents (..., d) takes, from 0."""

    @abstractmethod
    def values(self, digits: Tensor) -> Tensor:
        """Return the numbers (..., d) that the decoder reads of such values."""

    def entropy_penalty(self, latents_NPd: Tensor) -> Tensor | None:
        """Return what makes latents sure of their codes and all codes used; None without probabilities."""
        return None

    def encode(self, latents: Tensor) -> Tensor:
        """Return the codes (...) of bounded latents (..., d)."""
        return (self.digits(latents) * self._places(latents)).sum(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the numbers (..., d) of codes (...)."""
        levels = torch.tensor(self.levels, device=codes.device)
        return self.values(codes[..., None] // self._places(codes) % levels)

    def _places(self, like: Tensor) -> Tensor:
        places = [prod(self.levels[:index]) for index in range(self.width)]
        return torch.tensor(places, device=like.device)


class Signs(LookupFree):
    """Each number to its sign; the code is the sum of 2^i over the numbers above 0 (Yu et al. 2023).

    Args:
        bits: d.
        inverse_temperature: of the codes' probabilities.
        entropy_bits: codes of more bits have their entropy computed in groups of bits.
    """

    def __init__(self, bits: int, inverse_temperature: float, entropy_bits: int) -> None:
        super().__init__([2] * bits)
        self.inverse_temperature = inverse_temperature
        self.entropy_bits = entropy_bits

    def digits(self, latents: Tensor) -> Tensor:
        """1 above zero, else 0."""
        return (latents > 0).long()

    def values(self, digits: Tensor) -> Tensor:
        """-1 or 1."""
        return digits.float() * 2 - 1

    def entropy_penalty(self, latents_NPd: Tensor) -> Tensor:
        """Return E[H(p)] - H(E[p]), the mean over the parts, in nats (Yu et al. 2023, Eq. 6).

        A code's probability falls with the squared distance of its signs to the latent, p ~ exp(-b |z - c|^2)
        with b the inverse temperature: the bits of one latent are independent, so that its entropy is the sum
        of theirs. The mean of p over the latents is not; its entropy is that of all bits together, or where
        there are more than ``entropy_bits`` the sum over groups of equal size, which is the same where the
        groups are independent.
        """
        logits_NPd = 4 * self.inverse_temperature * latents_NPd
        groups = -(-self.width // self.entropy_bits)
        of_mean = [_entropy_of_mean(group) for group in logits_NPd.tensor_split(groups, dim=-1)]
        of_each = _bit_entropy(logits_NPd).sum(-1)
        return (of_each.mean(dim=0) - torch.stack(of_mean).sum(dim=0)).mean()


class Levels(LookupFree):
    """Finite scalars: each number to one of a few levels in a bounded range (Mentzer et al. 2023)."""

    def bounded(self, latents: Tensor) -> Tensor:
        """Return latents within -1 and 1, a shifted hyperbolic tangent; zero stays zero."""
        reach, offset, half = self._ranges(latents)
        shift = (offset / reach).atanh()
        return ((latents + shift).tanh() * reach - offset) / half

    def digits(self, latents: Tensor) -> Tensor:
        """The nearest level."""
        _, _, half = self._ranges(latents)
        return (latents * half).round().long() + half.long()

    def values(self, digits: Tensor) -> Tensor:
        """The levels between -1 and 1; an even number of them leaves 1 out."""
        half = torch.tensor(self.levels, device=digits.device) // 2
        return (digits - half) / half

    def _ranges(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Half of the range, what shifts an even number of levels, and the level at zero."""
        levels = torch.tensor(self.levels, device=like.device)
        # A little beyond the outermost levels, so that they are reached, and far from the next ones.
        reach = (levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        return reach, offset, (levels // 2).float()


def _bit_entropy(logits: Tensor) -> Tensor:
    """Entropy of bits whose logarithm of the odds is given; without a logarithm of zero on the way back."""
    size = logits.abs()
    return F.softplus(-size) + size * torch.sigmoid(-size)


def _entropy_of_mean(logits_NPd: Tensor) -> Tensor:
    """Entropy of the mean distribution of all bits together, (P,).

    The mean over N of the products of two halves' probabilities is one matrix product, so that no code of
    any single latent is ever written down.
    """
    high, low = logits_NPd.tensor_split(2, dim=-1)
    high_PNk, low_PNk = (_joint(half).transpose(0, 1) for half in (high, low))
    mean_Pkk = high_PNk.mT @ low_PNk / len(logits_NPd)
    entropy_P: Tensor = torch.special.entr(mean_Pkk.clamp(min=SMALLEST)).sum((-2, -1))
    return entropy_P


def _joint(logits_NPd: Tensor) -> Tensor:
    """Probabilities (N, P, 2^d) of the codes of independent bits."""
    joint = torch.ones_like(logits_NPd[..., :1])
    for bit in logits_NPd.sigmoid().unbind(-1):
        joint = torch.cat([joint * (1 - bit[..., None]), joint * bit[..., None]], dim=-1)
    return joint
