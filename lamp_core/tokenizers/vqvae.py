"""Motion tokenizers: VQ-VAE with one codebook, the LaMP tokenizer, and with residual ones (appendix A.3.1).

Both are one `MotionTokenizer`; a kind only says which codebooks it has and how many a training batch uses.
Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C code width, R quantiser layers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.datasets.items import DOWNSAMPLING, mask_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.tokenizers.codebook import Codebook, Quantised, quantise
from lamp_core.tokenizers.convolutions import Decoder, Encoder
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.precision import full_precision

Value = TypeVar("Value")


@dataclass(frozen=True)
class Reconstruction:
    """Output of a training pass; the codes are those of all processes."""

    features_BTD: Tensor
    quantised: Quantised


class MotionTokenizer(nn.Module, ABC):
    """Features to codes at a quarter of the rate, and back; works on normalised features.

    Args:
        feature_count: D, 263 or 251.
        settings: sizes.
    """

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.feature_count = feature_count
        self.encoder = Encoder(feature_count, settings)
        self.decoder = Decoder(feature_count, settings)

    @property
    @abstractmethod
    def layers(self) -> Sequence[Codebook]:
        """The codebooks, the first of them that of the motion tokens."""

    def _layers_used(self) -> int:
        """Return how many leading layers this pass uses."""
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
                self.layers, whole_BSC.flatten(0, 1), self._layers_used(), follow=self.training
            )
            chosen_BSC = share(quantised.vectors_NC.view_as(whole_BSC))
            vectors_BSC = latents_BSC + (chosen_BSC - latents_BSC).detach()
        return Reconstruction(self.decoder(vectors_BSC, None), quantised)

    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the encoder's latents before quantisation, (B, S, C), zero behind the true length."""
        latents_BSC: Tensor = self.encoder(features_BTD, _frame_mask(features_BTD, lengths_B))
        return latents_BSC

    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the codes of the first layer, the motion tokens (B, S), 0 behind the true length.

        Args:
            features_BTD: normalised features, T a multiple of four.
            lengths_B: true lengths in frames, multiples of four; all T without it.
        """
        return self.encode_layers(features_BTD, lengths_B, layers=1)[..., 0]

    def encode_layers(
        self, features_BTD: Tensor, lengths_B: Tensor | None = None, layers: int | None = None
    ) -> Tensor:
        """Return the codes of the leading layers (B, S, R), 0 behind the true length.

        Args:
            features_BTD: normalised features, T a multiple of four.
            lengths_B: true lengths in frames, multiples of four; all T without it.
            layers: how many layers; all of them without it.

        Raises:
            ValueError: the tokenizer has fewer layers.
        """
        codebooks = self._leading(len(self.layers) if layers is None else layers)
        mask_BS = _token_mask(_frame_mask(features_BTD, lengths_B))
        latents_BSC = self.latents(features_BTD, lengths_B)
        quantised = quantise(codebooks, latents_BSC.flatten(0, 1), len(codebooks), follow=False)
        codes_BSR = quantised.codes_NR.view(*latents_BSC.shape[:2], len(codebooks))
        return codes_BSR if mask_BS is None else codes_BSR * mask_BS[..., None]

    def decode(self, codes: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return normalised features (B, 4 S, D) of codes.

        Codes of some leading layers are decoded from those layers alone. For a residual tokenizer, motion
        tokens, (B, S), are therefore a reconstruction from the first layer: coarser than from all layers, but
        no foreign input to the decoder, since quantiser dropout trains it on few layers too.

        Args:
            codes: motion tokens (B, S), or codes of any number of leading layers (B, S, R); those behind the
                true length are ignored.
            lengths_B: true lengths in tokens; all S without it.

        Raises:
            ValueError: the tokenizer has fewer layers than the codes.
        """
        codes_BSR = codes[..., None] if codes.ndim == 2 else codes
        codebooks = self._leading(codes_BSR.shape[-1])
        mask_BS = None if lengths_B is None else mask_of(lengths_B.to(codes.device), codes.shape[1])
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
            **by_layer("perplexity", result.quantised.perplexity_R.unbind()),
            **by_layer("utilisation", result.quantised.utilisation_R.unbind()),
        }

    def _leading(self, count: int) -> Sequence[Codebook]:
        if not 1 <= count <= len(self.layers):
            raise ValueError(f"{count} quantiser layers asked of a tokenizer that has {len(self.layers)}")
        return self.layers[:count]


class VQVAE(MotionTokenizer):
    """The LaMP tokenizer: one codebook."""

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__(feature_count, settings)
        self.codebook = _codebook(settings)

    @property
    def layers(self) -> Sequence[Codebook]:
        """The one codebook."""
        return (self.codebook,)


class ResidualVQVAE(MotionTokenizer):
    """Residual quantisation: each codebook quantises what the ones before it leave.

    Quantiser dropout: with probability ``quantiser_dropout`` a training batch uses only the first n layers, n
    uniform between one and all. It keeps every number of leading layers decodable.
    """

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__(feature_count, settings)
        self.codebooks = nn.ModuleList(_codebook(settings) for _ in range(settings.quantiser_layers))

    @property
    def layers(self) -> Sequence[Codebook]:
        """The codebooks in the order of quantisation."""
        return tuple(self.codebooks)  # type: ignore[arg-type]  # torch's list does not say of what

    def _layers_used(self) -> int:
        layers = len(self.codebooks)
        if not self.training or torch.rand(()) >= self.settings.quantiser_dropout:
            return layers
        return int(torch.randint(1, layers + 1, ()))


def new_tokenizer(feature_count: int, settings: TokenizerSettings) -> MotionTokenizer:
    """Build an untrained tokenizer of the kind that the settings name (*switch* ``kind``)."""
    kinds: dict[str, type[MotionTokenizer]] = {"vqvae": VQVAE, "rvq": ResidualVQVAE}
    return kinds[settings.kind](feature_count, settings)


def untrained_tokenizer(like: MotionTokenizer) -> MotionTokenizer:
    """Return a tokenizer of the same kind and sizes with random weights and codes, for comparison."""
    tokenizer = new_tokenizer(like.feature_count, like.settings).to(next(like.parameters()).device)
    for codebook in tokenizer.layers:
        codebook.codes_KC.normal_()
    return tokenizer.eval().requires_grad_(False)


def by_layer(name: str, values: Sequence[Value]) -> dict[str, Value]:
    """Name one value a layer: the plain name for the first, ``NAME_1`` and so on for those behind it."""
    return {name if layer == 0 else f"{name}_{layer}": value for layer, value in enumerate(values)}


def _codebook(settings: TokenizerSettings) -> Codebook:
    return Codebook(settings.codebook_size, settings.code_dim, settings.ema_decay, settings.reset_threshold)


def _frame_mask(features_BTD: Tensor, lengths_B: Tensor | None) -> Tensor | None:
    if features_BTD.shape[1] % DOWNSAMPLING:
        raise ValueError(f"{features_BTD.shape[1]} frames are no multiple of {DOWNSAMPLING}")
    if lengths_B is None:
        return None
    return mask_of(lengths_B.to(features_BTD.device), features_BTD.shape[1])


def _token_mask(mask_BT: Tensor | None) -> Tensor | None:
    return None if mask_BT is None else mask_BT[:, ::DOWNSAMPLING]
