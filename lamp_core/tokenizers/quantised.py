"""What quantising a batch of latents gives, whatever the quantiser.

Shapes: N latents, C latent width, K codes, R channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Quantised:
    """Codes of latents, their vectors, and what training needs.

    Args:
        codes_NR: the code that each channel chose.
        vectors_NC: what the decoder reads, without a gradient.
        commitment: mean squared distance of the latents to their (detached) vectors; with several codebooks
            averaged over the partial sums of the layers in use.
        perplexity_R: exponentiated entropy of each channel's code usage here, between 1 and K.
        utilisation_R: share of each channel's codes that are chosen here.
        entropy: mean entropy of a latent's code less the entropy of the mean code, in nats; None for a
            quantiser that has no probabilities.
    """

    codes_NR: Tensor
    vectors_NC: Tensor
    commitment: Tensor
    perplexity_R: Tensor
    utilisation_R: Tensor
    entropy: Tensor | None = None


def usage(counts_RK: Tensor) -> tuple[Tensor, Tensor]:
    """Return perplexity and utilisation (R,) of how often each code was chosen."""
    shares_RK = counts_RK / counts_RK.sum(-1, keepdim=True)
    return torch.special.entr(shares_RK).sum(-1).exp(), (shares_RK > 0).float().mean(-1)
