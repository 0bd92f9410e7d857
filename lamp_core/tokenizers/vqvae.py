"""Vector-quantised autoencoders, and the LaMP tokenizer, with one codebook (appendix A.3.1).

Shapes: B batch, S motion tokens, C code width, N latents, R codebooks.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lamp_core.config.tokenizers import ConvolutionalSizes
from lamp_core.tokenizers.codebook import Codebook, quantise
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer, Penalty
from lamp_core.tokenizers.protocol import Channel
from lamp_core.tokenizers.quantised import Quantised


class CodebookTokenizer(ConvolutionalTokenizer):
    """Convolutions around codebooks of which each quantises what the ones before it leave.

    A kind only says which codebooks it has and how many a training batch uses.

    Args:
        feature_count: D, 263, 251 or 623.
        settings: sizes.
    """

    def __init__(self, feature_count: int, settings: ConvolutionalSizes) -> None:
        super().__init__(feature_count, settings, settings.code_dim)

    @property
    @abstractmethod
    def layers(self) -> Sequence[Codebook]:
        """The codebooks, one a channel."""

    @property
    def min_channels(self) -> int:
        """One: the first codebook alone gives a coarse motion."""
        return 1

    def start_at_random(self) -> None:
        """Draw the codes, which the first training batch would initialise."""
        for codebook in self.layers:
            codebook.codes_KC.normal_()

    def layers_used(self) -> int:
        """Return how many leading codebooks this pass uses."""
        return len(self.layers)

    def quantise(self, latents_NC: Tensor, train: bool) -> Quantised:
        """Choose codes by the codebooks in use; in training they follow."""
        return quantise(self.layers, latents_NC, self.layers_used() if train else len(self.layers), train)

    def vectors(self, codes_BSR: Tensor) -> Tensor:
        """Return the sum of the leading codebooks' vectors."""
        codebooks = self.layers[: codes_BSR.shape[2]]
        chosen = [codebook.lookup(codes_BSR[..., layer]) for layer, codebook in enumerate(codebooks)]
        return torch.stack(chosen).sum(dim=0)

    def penalties(self, quantised: Quantised) -> Mapping[str, Penalty]:
        """Return the commitment."""
        return {"commitment": Penalty(quantised.commitment, self.settings.commitment_weight)}


class VQVAE(CodebookTokenizer):
    """The LaMP tokenizer: one codebook."""

    def __init__(self, feature_count: int, settings: ConvolutionalSizes) -> None:
        super().__init__(feature_count, settings)
        self.codebook = new_codebook(settings)

    @property
    def layers(self) -> Sequence[Codebook]:
        """The one codebook."""
        return (self.codebook,)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One, of kind ``codebook``."""
        return (Channel("motion", "codebook", self.settings.codebook_size),)


def new_codebook(settings: ConvolutionalSizes) -> Codebook:
    """Build a codebook of the sizes that the settings name."""
    return Codebook(
        settings.codebook_size,
        settings.code_dim,
        settings.ema_decay,
        settings.reset_threshold,
        settings.reset_share,
    )
