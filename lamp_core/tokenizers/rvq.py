"""The residual kind of the LaMP tokenizer (appendix A.3.1: six layers, quantiser dropout 0.2)."""

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import nn

from lamp_core.config.tokenizers import ConvolutionalSizes
from lamp_core.tokenizers.codebook import Codebook
from lamp_core.tokenizers.protocol import Channel
from lamp_core.tokenizers.vqvae import CodebookTokenizer, new_codebook


class ResidualVQVAE(CodebookTokenizer):
    """Residual quantisation: each codebook quantises what the ones before it leave.

    Quantiser dropout: with probability ``quantiser_dropout`` a training batch uses only the first n layers, n
    uniform between one and all. It keeps every number of leading layers decodable.
    """

    def __init__(self, feature_count: int, settings: ConvolutionalSizes) -> None:
        super().__init__(feature_count, settings)
        self.codebooks = nn.ModuleList(new_codebook(settings) for _ in range(settings.quantiser_layers))
        self._whole_identity = ""

    @property
    def layers(self) -> Sequence[Codebook]:
        """The codebooks in the order of quantisation."""
        return tuple(cast(Codebook, codebook) for codebook in self.codebooks)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One a layer, of kind ``residual layer``, the coarsest first."""
        return tuple(
            Channel(f"layer {layer}", "residual layer", self.settings.codebook_size)
            for layer in range(len(self.codebooks))
        )

    def leading(self, channels: int) -> Self:
        """Return the tokenizer with its leading codebooks alone; weights are shared, the identity stays."""
        if channels >= len(self.codebooks):
            return self
        settings = self.settings.model_copy(update={"quantiser_layers": channels})
        coarse = type(self)(self.feature_count, settings)
        coarse.encoder, coarse.decoder = self.encoder, self.decoder
        coarse.codebooks = self.codebooks[:channels]
        coarse._whole_identity = self.identity()
        return coarse.train(self.training)

    def identity(self) -> str:
        """Return that of the tokenizer with all codebooks, see `MotionTokenizer.identity`."""
        return self._whole_identity or super().identity()

    def layers_used(self) -> int:
        """Return how many leading layers this pass uses: all in evaluation, see quantiser dropout."""
        layers = len(self.codebooks)
        if not self.training or torch.rand(()) >= self.settings.quantiser_dropout:
            return layers
        return int(torch.randint(1, layers + 1, ()))
