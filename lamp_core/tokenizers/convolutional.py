"""Convolutional autoencoders around a quantiser of any kind (LaMP, appendix A.3.1).

Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C latent width, N latents of a
batch, R channels.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.tokenizers import ConvolutionalSizes
from lamp_core.datasets.items import mask_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.tokenizers.convolutions import FRAMES_A_LATENT, Decoder, Encoder, Grid, Layers
from lamp_core.tokenizers.protocol import NOTHING_DECODED, DecodedError, MotionTokenizer, by_channel
from lamp_core.tokenizers.quantised import Quantised
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.precision import full_precision


@dataclass(frozen=True)
class Reconstruction:
    """Output of a training pass; the codes are those of all processes."""

    features_BTD: Tensor
    quantised: Quantised


@dataclass(frozen=True)
class Penalty:
    """A loss of the quantiser or of what is decoded, and its weight beside the reconstruction."""

    value: Tensor
    weight: float


class ConvolutionalTokenizer(MotionTokenizer):
    """Convolutions around a quantiser.

    A kind says how latents become codes and vectors.

    Args:
        feature_count: D, 263, 251 or 623.
        settings: sizes.
        latent_dim: C.
        grid: the parts of a frame, which are kept apart; None for one row of numbers.
    """

    settings: ConvolutionalSizes

    def __init__(
        self, feature_count: int, settings: ConvolutionalSizes, latent_dim: int, grid: Grid | None = None
    ) -> None:
        super().__init__(feature_count, settings)
        layers = Layers(feature_count, settings, latent_dim, grid)
        self._latent_dim = latent_dim
        self.encoder = self.new_encoder(layers)
        self.decoder = Decoder(layers)

    def new_encoder(self, layers: Layers) -> nn.Module:
        """Build what maps features and their mask to latents (B, S, C)."""
        return Encoder(layers)

    @property
    def downsampling(self) -> int:
        """Two strided convolutions: four frames."""
        return FRAMES_A_LATENT

    @property
    def latent_dim(self) -> int:
        """Numbers that are quantised together."""
        return self._latent_dim

    @abstractmethod
    def quantise(self, latents_NC: Tensor, train: bool) -> Quantised:
        """Choose codes; with ``train`` as a batch of training does, else by all channels."""

    @abstractmethod
    def vectors(self, codes_BSR: Tensor) -> Tensor:
        """Return what the decoder reads, (B, S, C)."""

    @abstractmethod
    def penalties(self, quantised: Quantised) -> Mapping[str, Penalty]:
        """Return the quantiser's losses by name."""

    def bounded(self, latents_BSC: Tensor) -> Tensor:
        """Return the latents in the range that is quantised; zero stays zero."""
        return latents_BSC

    def reconstruct(self, features_BTD: Tensor) -> Reconstruction:
        """Encode, quantise and decode full windows; in training mode codebooks follow.

        The gradient passes straight through from the code vectors to the latents. Processes that train
        together quantise the latents of all of them, so that codebooks stay equal and the use of codes is
        that of the whole batch.
        """
        latents_BSC = self.encoder(features_BTD, None)
        # Distances need float32: under autocast the matrix product would choose other codes.
        with full_precision(latents_BSC.device):
            latents_BSC = self.bounded(latents_BSC)
            whole_BSC = gather_rows(latents_BSC.float())
            quantised = self.quantise(whole_BSC.flatten(0, 1), train=self.training)
            chosen_BSC = share(quantised.vectors_NC.view_as(whole_BSC))
            vectors_BSC = latents_BSC + (chosen_BSC - latents_BSC).detach()
        return Reconstruction(self.decoder(vectors_BSC, None), quantised)

    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the encoder's latents; see `MotionTokenizer.latents`."""
        return self._encoded(features_BTD, self._frame_mask(features_BTD, lengths_B))

    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the codes of all channels; see `MotionTokenizer.encode`."""
        mask_BT = self._frame_mask(features_BTD, lengths_B)
        latents_BSC = self._encoded(features_BTD, mask_BT)
        codes_NR = self.quantise(latents_BSC.flatten(0, 1), train=False).codes_NR
        codes_BSR = codes_NR.view(*latents_BSC.shape[:2], len(self.channels))
        return codes_BSR if mask_BT is None else codes_BSR * mask_BT[:, :: self.downsampling, None]

    def decode(self, codes_BSR: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return normalised features (B, 4 S, D) of codes; see `MotionTokenizer.decode`.

        Codes of leading codebooks are decoded from those alone. For a residual tokenizer, those of the first
        are therefore a reconstruction that is coarser than from all, but no foreign input to the decoder,
        since quantiser dropout trains it on few codebooks too.
        """
        self.check_channels(codes_BSR)
        mask_BS = None if lengths_B is None else mask_of(lengths_B.to(codes_BSR.device), codes_BSR.shape[1])
        vectors_BSC = self.vectors(codes_BSR)
        if mask_BS is not None:
            vectors_BSC = vectors_BSC * mask_BS[..., None]
        features_BTD: Tensor = self.decoder(vectors_BSC, mask_BS)
        return features_BTD

    def losses(
        self, features_BTD: Tensor, decoded: Mapping[str, DecodedError] = NOTHING_DECODED
    ) -> dict[str, Tensor]:
        """Return the training losses on windows of true features (Eq. 6 and 7 with smooth L1).

        ``auxiliary`` is the smooth L1 of the local joint positions' differences in time (*switch*
        ``velocity``, the paper's V(m)), or of the positions themselves (``positions``, as the public code
        has it). ``contact`` and ``heading`` are errors of what is decoded, where they have a weight.
        ``perplexity`` and ``utilisation`` are of the first channel, ``perplexity_1`` and so on of
        those behind it; layers that quantiser dropout leaves out of a batch are measured all the same.
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
        penalties = dict(self.penalties(result.quantised))
        for name, weight in self.settings.decoded_weights.items():
            if name not in decoded:
                raise ValueError(f"{name}_weight weighs an error of the decoded, and none is given")
            penalties[name] = Penalty(decoded[name](features_BTD, result.features_BTD), weight)
        for penalty in penalties.values():
            loss = loss + penalty.weight * penalty.value
        return {
            "loss": loss,
            "features": features,
            "auxiliary": auxiliary,
            **{name: penalty.value for name, penalty in penalties.items()},
            **by_channel("perplexity", result.quantised.perplexity_R.unbind()),
            **by_channel("utilisation", result.quantised.utilisation_R.unbind()),
        }

    def _encoded(self, features_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        latents_BSC: Tensor = self.bounded(self.encoder(features_BTD, mask_BT))
        return latents_BSC

    def _frame_mask(self, features_BTD: Tensor, lengths_B: Tensor | None) -> Tensor | None:
        if features_BTD.shape[1] % self.downsampling:
            raise ValueError(f"{features_BTD.shape[1]} frames are no multiple of {self.downsampling}")
        if lengths_B is None:
            return None
        return mask_of(lengths_B.to(features_BTD.device), features_BTD.shape[1])
