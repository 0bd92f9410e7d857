"""Convolutional vector-quantised autoencoders, and the LaMP tokenizer, with one codebook (appendix A.3.1).

Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C code width, R codebooks.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import Tokenizer as VectorQuantised
from lamp_core.datasets.items import mask_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.tokenizers.codebook import Codebook, Quantised, quantise
from lamp_core.tokenizers.convolutions import FRAMES_A_LATENT, Decoder, Encoder
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer, by_channel
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.precision import full_precision


@dataclass(frozen=True)
class Reconstruction:
    """Output of a training pass; the codes are those of all processes."""

    features_BTD: Tensor
    quantised: Quantised


class ConvolutionalTokenizer(MotionTokenizer):
    """Convolutions around codebooks of which each quantises what the ones before it leave.

    A kind only says which codebooks it has and how many a training batch uses.

    Args:
        feature_count: D, 263, 251 or 623.
        settings: sizes.
    """

    settings: VectorQuantised

    def __init__(self, feature_count: int, settings: VectorQuantised) -> None:
        super().__init__(feature_count, settings)
        self.encoder = Encoder(feature_count, settings)
        self.decoder = Decoder(feature_count, settings)

    @property
    @abstractmethod
    def layers(self) -> Sequence[Codebook]:
        """The codebooks, one a channel."""

    @property
    def min_channels(self) -> int:
        """One: the first codebook alone gives a coarse motion."""
        return 1

    @property
    def downsampling(self) -> int:
        """Two strided convolutions: four frames."""
        return FRAMES_A_LATENT

    @property
    def latent_dim(self) -> int:
        """Numbers a code."""
        return self.settings.code_dim

    def start_at_random(self) -> None:
        """Draw the codes, which the first training batch would initialise."""
        for codebook in self.layers:
            codebook.codes_KC.normal_()

    def layers_used(self) -> int:
        """Return how many leading codebooks this pass uses."""
        return len(self.layers)

    def reconstruct(self, features_BTD: Tensor) -> Reconstruction:
        """Encode, quantise and decode full windows; in training mode the codebooks follow.

        The gradient passes straight through from the code vectors to the latents. Processes that train
        together quantise the latents of all of them, so that their codebooks stay equal.
        """
        latents_BSC = self.encoder(features_BTD, None)
        # Distances need float32: under autocast the matrix product would choose other codes.
        with full_precision(latents_BSC.device):
            whole_BSC = gather_rows(latents_BSC.float())
            quantised = quantise(
                self.layers, whole_BSC.flatten(0, 1), self.layers_used(), follow=self.training
            )
            chosen_BSC = share(quantised.vectors_NC.view_as(whole_BSC))
            vectors_BSC = latents_BSC + (chosen_BSC - latents_BSC).detach()
        return Reconstruction(self.decoder(vectors_BSC, None), quantised)

    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the encoder's latents; see `MotionTokenizer.latents`."""
        latents_BSC: Tensor = self.encoder(features_BTD, self._frame_mask(features_BTD, lengths_B))
        return latents_BSC

    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the codes of all codebooks; see `MotionTokenizer.encode`."""
        mask_BT = self._frame_mask(features_BTD, lengths_B)
        latents_BSC: Tensor = self.encoder(features_BTD, mask_BT)
        quantised = quantise(self.layers, latents_BSC.flatten(0, 1), len(self.layers), follow=False)
        codes_BSR = quantised.codes_NR.view(*latents_BSC.shape[:2], len(self.layers))
        return codes_BSR if mask_BT is None else codes_BSR * mask_BT[:, :: self.downsampling, None]

    def decode(self, codes_BSR: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return normalised features (B, 4 S, D) of codes; see `MotionTokenizer.decode`.

        Codes of leading codebooks are decoded from those alone. For a residual tokenizer, those of the first
        are therefore a reconstruction that is coarser than from all, but no foreign input to the decoder,
        since quantiser dropout trains it on few codebooks too.
        """
        codebooks = self.layers[: self.check_channels(codes_BSR)]
        mask_BS = None if lengths_B is None else mask_of(lengths_B.to(codes_BSR.device), codes_BSR.shape[1])
        chosen = [codebook.lookup(codes_BSR[..., layer]) for layer, codebook in enumerate(codebooks)]
        vectors_BSC = torch.stack(chosen).sum(dim=0)
        if mask_BS is not None:
            vectors_BSC = vectors_BSC * mask_BS[..., None]
        features_BTD: Tensor = self.decoder(vectors_BSC, mask_BS)
        return features_BTD

    def losses(self, features_BTD: Tensor) -> dict[str, Tensor]:
        """Return the training losses on windows of true features (Eq. 6 and 7 with smooth L1).

        ``auxiliary`` is the smooth L1 of the local joint positions' differences in time (*switch*
        ``velocity``, the paper's V(m)), or of the positions themselves (``positions``, as the public code
        has it). ``perplexity`` and ``utilisation`` are of the first layer, ``perplexity_1`` and so on of the
        layers behind it; layers that quantiser dropout leaves out of a batch are measured all the same.
        """
        # In the order of memory that the convolutions have, so that the losses read both sides in one run.
        features_BTD = features_BTD.mT.contiguous().mT
        result = self.reconstruct(features_BTD)
        positions = FeatureLayout.of_width(self.feature_count)["positions"]
        true, made = features_BTD[..., positions], result.features_BTD[..., positions]
        if self.settings.auxiliary == "velocity":
            true, made = true.diff(dim=1), made.diff(dim=1)
        features = F.smooth_l1_loss(result.features_BTD, features_BTD)
        auxiliary = F.smooth_l1_loss(made, true)
        loss = features + self.settings.auxiliary_weight * auxiliary
        return {
            "loss": loss + self.settings.commitment_weight * result.quantised.commitment,
            "features": features,
            "auxiliary": auxiliary,
            "commitment": result.quantised.commitment,
            **by_channel("perplexity", result.quantised.perplexity_R.unbind()),
            **by_channel("utilisation", result.quantised.utilisation_R.unbind()),
        }

    def _frame_mask(self, features_BTD: Tensor, lengths_B: Tensor | None) -> Tensor | None:
        if features_BTD.shape[1] % self.downsampling:
            raise ValueError(f"{features_BTD.shape[1]} frames are no multiple of {self.downsampling}")
        if lengths_B is None:
            return None
        return mask_of(lengths_B.to(features_BTD.device), features_BTD.shape[1])


class VQVAE(ConvolutionalTokenizer):
    """The LaMP tokenizer: one codebook."""

    def __init__(self, feature_count: int, settings: VectorQuantised) -> None:
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


def new_codebook(settings: VectorQuantised) -> Codebook:
    """Build a codebook of the sizes that the settings name."""
    return Codebook(
        settings.codebook_size,
        settings.code_dim,
        settings.ema_decay,
        settings.reset_threshold,
        settings.reset_share,
    )
