"""Vector quantisation with EMA codebooks and code reset (LaMP, appendix A.3.1, Eq. 5), one layer or several.

Shapes: N latents, C code width, K codes, R quantiser layers.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.tokenizers.quantised import Quantised, usage


class Codebook(nn.Module):
    """K codes of width C that follow what they quantise by an exponential moving average.

    The codes are buffers: no gradient reaches them. The first training batch initialises them. A code that is
    hardly used is replaced by a latent of the batch, drawn at random. Under gradient accumulation every
    micro-batch counts as a batch.

    Args:
        codes: K.
        width: C.
        decay: of the moving average.
        reset_threshold: a code whose EMA count falls under it is replaced, at the count of one.
        reset_share: above 0, a code whose EMA count falls under this share of the mean count is replaced in
            its stead, at the mean count: what is hardly used does not depend on the size of a batch.
    """

    codes_KC: Tensor
    counts_K: Tensor
    sums_KC: Tensor
    initialised: Tensor

    def __init__(
        self, codes: int, width: int, decay: float, reset_threshold: float, reset_share: float = 0.0
    ) -> None:
        super().__init__()
        self.decay = decay
        self.reset_threshold = reset_threshold
        self.reset_share = reset_share
        self.register_buffer("codes_KC", torch.zeros(codes, width))
        self.register_buffer("counts_K", torch.ones(codes))
        self.register_buffer("sums_KC", torch.zeros(codes, width))
        self.register_buffer("initialised", torch.tensor(False))

    def nearest(self, latents_NC: Tensor) -> Tensor:
        """Return the index of the code nearest to each latent by Euclidean distance (Eq. 5)."""
        scores_NK = torch.addmm(-0.5 * self.codes_KC.square().sum(-1), latents_NC, self.codes_KC.T)
        return scores_NK.argmax(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes of any shape, with the code width behind."""
        return F.embedding(codes, self.codes_KC)

    @torch.no_grad()
    def choose(self, latents_NC: Tensor, follow: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return codes (N,), their vectors (N, C) and how often each code was chosen (K,).

        Args:
            latents_NC: what is quantised.
            follow: after choosing, move the codes towards the latents that chose them.
        """
        drawn_KC = self._drawn(latents_NC) if follow else None
        if drawn_KC is not None:
            self._initialise(drawn_KC)
        codes_N = self.nearest(latents_NC)
        vectors_NC = self.lookup(codes_N)
        counts_K = torch.zeros_like(self.counts_K).index_add_(0, codes_N, torch.ones_like(latents_NC[:, 0]))
        if drawn_KC is not None:
            self._follow(latents_NC, codes_N, counts_K, drawn_KC)
        return codes_N, vectors_NC, counts_K

    def _initialise(self, drawn_KC: Tensor) -> None:
        self.codes_KC.copy_(torch.where(self.initialised, self.codes_KC, drawn_KC))
        self.sums_KC.copy_(torch.where(self.initialised, self.sums_KC, drawn_KC))
        self.initialised.fill_(True)

    def _follow(self, latents_NC: Tensor, codes_N: Tensor, counts_K: Tensor, drawn_KC: Tensor) -> None:
        sums_KC = torch.zeros_like(self.codes_KC).index_add_(0, codes_N, latents_NC)
        self.counts_K.lerp_(counts_K, 1 - self.decay)
        self.sums_KC.lerp_(sums_KC, 1 - self.decay)
        # A replaced code starts above the threshold, or it would be replaced again at the next step.
        start = self.counts_K.mean() if self.reset_share else self.counts_K.new_ones(())
        unused_K = self.counts_K < (self.reset_share * start if self.reset_share else self.reset_threshold)
        self.counts_K.masked_fill_(unused_K, start)
        self.sums_KC.copy_(torch.where(unused_K[:, None], start * drawn_KC, self.sums_KC))
        torch.div(self.sums_KC, self.counts_K[:, None].clamp(min=1e-6), out=self.codes_KC)

    def _drawn(self, latents_NC: Tensor) -> Tensor:
        """Return K latents at random; with fewer than K, repeats are moved apart by a little noise."""
        count, repeats = len(self.codes_KC), -(-len(self.codes_KC) // len(latents_NC))
        order = torch.randperm(len(latents_NC) * repeats, device=latents_NC.device)[:count]
        drawn_KC = latents_NC[order % len(latents_NC)]
        if repeats > 1:
            drawn_KC = drawn_KC + 0.01 * torch.randn_like(drawn_KC) / drawn_KC.shape[1] ** 0.5
        return drawn_KC


def quantise(codebooks: Sequence[Codebook], latents_NC: Tensor, used: int, follow: bool) -> Quantised:
    """Quantise latents by the first codebook, what it leaves by the second, and so on.

    Args:
        codebooks: one a layer.
        latents_NC: at least one; the gradient of the commitment reaches them.
        used: leading layers that enter vectors and commitment; the others are only measured.
        follow: move the codebooks in use towards what they quantise.
    """
    codes, counts, commitments = [], [], []
    residual_NC, vectors_NC = latents_NC.detach(), torch.zeros_like(latents_NC)
    for layer, codebook in enumerate(codebooks):
        codes_N, chosen_NC, counts_K = codebook.choose(residual_NC, follow and layer < used)
        residual_NC = residual_NC - chosen_NC
        codes.append(codes_N)
        counts.append(counts_K)
        if layer < used:
            vectors_NC = vectors_NC + chosen_NC
            commitments.append(F.mse_loss(latents_NC, vectors_NC))
    return Quantised(
        torch.stack(codes, dim=-1), vectors_NC, torch.stack(commitments).mean(), *usage(torch.stack(counts))
    )
