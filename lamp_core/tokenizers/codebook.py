"""Vector quantisation with an EMA codebook and code reset (LaMP, appendix A.3.1, Eq. 5).

Shapes: B batch, S motion tokens, C code width, K codes, N latents of a batch that are not padding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Quantised:
    """Codes of a batch, their vectors, and what training needs.

    Args:
        codes_BS: index of the nearest code, 0 behind the true length.
        vectors_BSC: code vectors; the gradient passes straight through to the latents.
        commitment: mean squared distance of latents to their (detached) codes.
        perplexity: exponentiated entropy of the code usage in this batch, between 1 and K.
    """

    codes_BS: Tensor
    vectors_BSC: Tensor
    commitment: Tensor
    perplexity: Tensor


class Codebook(nn.Module):
    """K codes of width C that follow the encoder by an exponential moving average.

    The codes are buffers: no gradient reaches them. The first training batch initialises them. A code whose
    EMA count falls under ``reset_threshold`` is replaced by a latent of the batch, drawn at random.
    """

    codes_KC: Tensor
    counts_K: Tensor
    sums_KC: Tensor
    initialised: Tensor

    def __init__(self, codes: int, width: int, decay: float, reset_threshold: float) -> None:
        super().__init__()
        self.decay = decay
        self.reset_threshold = reset_threshold
        self.register_buffer("codes_KC", torch.zeros(codes, width))
        self.register_buffer("counts_K", torch.ones(codes))
        self.register_buffer("sums_KC", torch.zeros(codes, width))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, latents_BSC: Tensor, mask_BS: Tensor) -> Quantised:
        """Quantise; in training mode, also move the codebook towards the latents inside ``mask_BS``."""
        latents_NC = latents_BSC[mask_BS]
        if self.training:
            self._initialise(latents_NC.detach())
        codes_N = self.nearest(latents_NC)
        vectors_NC = self.codes_KC[codes_N]
        if self.training:
            self._follow(latents_NC.detach(), codes_N)
        vectors_BSC = torch.zeros_like(latents_BSC)
        vectors_BSC[mask_BS] = latents_NC + (vectors_NC - latents_NC).detach()
        codes_BS = torch.zeros(mask_BS.shape, dtype=torch.long, device=latents_BSC.device)
        codes_BS[mask_BS] = codes_N
        share_K = torch.bincount(codes_N, minlength=len(self.codes_KC)).float() / max(1, len(codes_N))
        entropy = -(share_K * torch.log(share_K + 1e-10)).sum()
        return Quantised(codes_BS, vectors_BSC, F.mse_loss(latents_NC, vectors_NC), entropy.exp())

    def nearest(self, latents_NC: Tensor) -> Tensor:
        """Return the index of the code nearest to each latent by Euclidean distance (Eq. 5)."""
        scores_NK = latents_NC @ self.codes_KC.T - 0.5 * self.codes_KC.square().sum(-1)
        return scores_NK.argmax(-1)

    def lookup(self, codes_BS: Tensor) -> Tensor:
        """Return the vectors of codes, (B, S, C)."""
        return self.codes_KC[codes_BS]

    @torch.no_grad()
    def _initialise(self, latents_NC: Tensor) -> None:
        if self.initialised:
            return
        self.codes_KC.copy_(self._drawn(latents_NC))
        self.sums_KC.copy_(self.codes_KC)
        self.initialised.fill_(True)

    @torch.no_grad()
    def _follow(self, latents_NC: Tensor, codes_N: Tensor) -> None:
        counts_K = torch.bincount(codes_N, minlength=len(self.codes_KC)).to(latents_NC.dtype)
        sums_KC = torch.zeros_like(self.codes_KC).index_add_(0, codes_N, latents_NC)
        self.counts_K.lerp_(counts_K, 1 - self.decay)
        self.sums_KC.lerp_(sums_KC, 1 - self.decay)
        used_K1 = (self.counts_K >= self.reset_threshold)[:, None]
        means_KC = self.sums_KC / self.counts_K[:, None].clamp(min=1e-6)
        drawn_KC = self._drawn(latents_NC)
        self.codes_KC.copy_(torch.where(used_K1, means_KC, drawn_KC))
        # A replaced code starts with the count of one, or it would be replaced again at the next step.
        self.sums_KC.copy_(torch.where(used_K1, self.sums_KC, drawn_KC))
        self.counts_K.copy_(torch.where(used_K1[:, 0], self.counts_K, torch.ones_like(self.counts_K)))

    def _drawn(self, latents_NC: Tensor) -> Tensor:
        """Return K latents at random; with fewer than K, repeats are moved apart by a little noise."""
        count = len(self.codes_KC)
        repeats = -(-count // len(latents_NC))
        pool = latents_NC.repeat(repeats, 1)
        if repeats > 1:
            pool = pool + 0.01 * torch.randn_like(pool) / pool.shape[1] ** 0.5
        return pool[torch.randperm(len(pool), device=pool.device)[:count]]
