"""Tokenizers without a codebook over the whole frame: look-up-free (1-D LFQ) and finite scalars (FSQ).

Shapes: B batch, S motion tokens, N latents, R channels, d numbers of a channel, C = R d, K codes.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer, Penalty
from lamp_core.tokenizers.convolutions import Grid
from lamp_core.tokenizers.lookup_free import Levels, LookupFree, Signs
from lamp_core.tokenizers.protocol import Channel
from lamp_core.tokenizers.quantised import Quantised, usage


class LookupFreeTokenizer(ConvolutionalTokenizer):
    """Convolutions around a quantiser without a codebook, the same for every channel.

    Args:
        feature_count: D, 263, 251 or 623.
        settings: sizes.
        quantiser: of the numbers of a channel.
        grid: the parts of a frame, one a channel; None for one channel of the whole frame.
    """

    settings: GridTokenizer

    def __init__(
        self, feature_count: int, settings: GridTokenizer, quantiser: LookupFree, grid: Grid | None = None
    ) -> None:
        channels = len(grid.columns) if grid else 1
        super().__init__(feature_count, settings, channels * quantiser.width, grid)
        self.quantiser = quantiser

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One, of kind ``codebook``."""
        return (Channel("motion", "codebook", self.quantiser.codes),)

    def bounded(self, latents_BSC: Tensor) -> Tensor:
        """Return the latents in the quantiser's range."""
        return self.quantiser.bounded(self._by_channel(latents_BSC)).flatten(-2)

    def quantise(self, latents_NC: Tensor, train: bool) -> Quantised:
        """Read the codes off the latents."""
        latents_NRd = self._by_channel(latents_NC)
        codes_NR = self.quantiser.encode(latents_NRd)
        vectors_NC = self.quantiser.decode(codes_NR).flatten(-2)
        counts_RK = torch.zeros(codes_NR.shape[1], self.quantiser.codes, device=codes_NR.device)
        counts_RK.scatter_add_(1, codes_NR.T, torch.ones_like(codes_NR.T, dtype=torch.float32))
        return Quantised(
            codes_NR,
            vectors_NC,
            F.mse_loss(latents_NC, vectors_NC),
            *usage(counts_RK),
            entropy=self.quantiser.entropy_penalty(latents_NRd) if train else None,
        )

    def vectors(self, codes_BSR: Tensor) -> Tensor:
        """Return the numbers that the codes are written in."""
        return self.quantiser.decode(codes_BSR).flatten(-2)

    def penalties(self, quantised: Quantised) -> Mapping[str, Penalty]:
        """Return commitment and entropy."""
        found = {"commitment": Penalty(quantised.commitment, self.settings.commitment_weight)}
        if quantised.entropy is not None:
            found["entropy"] = Penalty(quantised.entropy, self.settings.entropy_weight)
        return found

    def _by_channel(self, latents: Tensor) -> Tensor:
        return latents.reshape(*latents.shape[:-1], -1, self.quantiser.width)


class LFQ(LookupFreeTokenizer):
    """1-D look-up-free: the VQ-VAE's convolutions, the signs of d numbers in place of a codebook."""

    def __init__(self, feature_count: int, settings: GridTokenizer) -> None:
        super().__init__(feature_count, settings, new_signs(settings))


class FSQ(LookupFreeTokenizer):
    """Finite scalars: the VQ-VAE's convolutions, a few levels of few numbers in place of a codebook."""

    def __init__(self, feature_count: int, settings: GridTokenizer) -> None:
        super().__init__(feature_count, settings, Levels(settings.levels_used))

    def penalties(self, quantised: Quantised) -> Mapping[str, Penalty]:
        """None: every latent is within half a level of its code."""
        return {}


def new_signs(settings: GridTokenizer) -> Signs:
    """Build the quantiser that the settings name."""
    return Signs(settings.bits, settings.inverse_temperature, settings.entropy_bits)
