"""VQ-VAE: the LaMP tokenizer (appendix A.3.1; sizes in section 4).

Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C code width, W channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.datasets.items import DOWNSAMPLING, mask_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.tokenizers.codebook import Codebook, Quantised


@dataclass(frozen=True)
class Reconstruction:
    """Output of a training pass."""

    features_BTD: Tensor
    quantised: Quantised


class MaskedConv(nn.Conv1d):
    """A convolution whose output is zero behind the true length.

    Zero behind the end is what a clip alone sees as padding, so a clip gives the same result alone and beside
    longer ones.
    """

    def forward_masked(self, hidden_BWT: Tensor, mask_BT: Tensor) -> Tensor:
        """Convolve, then zero what is outside the mask (given at the output's rate)."""
        return self.forward(hidden_BWT) * mask_BT[:, None, :]


class ResidualBlock(nn.Module):
    """Dilated convolutions with a skip over each; dilation ``growth ** i``, reversed in the decoder."""

    def __init__(self, width: int, depth: int, growth: int, reverse: bool) -> None:
        super().__init__()
        powers = [growth**index for index in range(depth)]
        self.dilated = nn.ModuleList(
            MaskedConv(width, width, 3, padding=dilation, dilation=dilation)
            for dilation in (powers[::-1] if reverse else powers)
        )
        self.pointwise = nn.ModuleList(MaskedConv(width, width, 1) for _ in range(depth))

    def forward(self, hidden_BWT: Tensor, mask_BT: Tensor) -> Tensor:
        """Return (B, W, T), zero outside the mask."""
        for dilated, pointwise in zip(self.dilated, self.pointwise, strict=True):
            inner_BWT = dilated.forward_masked(F.relu(hidden_BWT), mask_BT)
            hidden_BWT = hidden_BWT + pointwise.forward_masked(F.relu(inner_BWT), mask_BT)
        return hidden_BWT


class Encoder(nn.Module):
    """Features to latents at a quarter of the rate."""

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        width, depth, growth = settings.width, settings.residual_depth, settings.dilation_growth
        self.first = MaskedConv(feature_count, width, 3, padding=1)
        self.down = nn.ModuleList(MaskedConv(width, width, 4, stride=2, padding=1) for _ in range(2))
        self.blocks = nn.ModuleList(ResidualBlock(width, depth, growth, reverse=False) for _ in range(2))
        self.last = MaskedConv(width, settings.code_width, 3, padding=1)

    def forward(self, features_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Return latents (B, S, C)."""
        hidden = F.relu(self.first.forward_masked((features_BTD * mask_BT[..., None]).mT, mask_BT))
        for down, block in zip(self.down, self.blocks, strict=True):
            mask_BT = mask_BT[:, ::2]
            hidden = block(down.forward_masked(hidden, mask_BT), mask_BT)
        return self.last.forward_masked(hidden, mask_BT).mT


class Decoder(nn.Module):
    """Code vectors back to features: the encoder's mirror, with nearest-neighbour up-sampling."""

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        width, depth, growth = settings.width, settings.residual_depth, settings.dilation_growth
        self.first = MaskedConv(settings.code_width, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width, depth, growth, reverse=True) for _ in range(2))
        self.up = nn.ModuleList(MaskedConv(width, width, 3, padding=1) for _ in range(2))
        self.inner = MaskedConv(width, width, 3, padding=1)
        self.last = MaskedConv(width, feature_count, 3, padding=1)

    def forward(self, vectors_BSC: Tensor, mask_BS: Tensor) -> Tensor:
        """Return features (B, 4 S, D)."""
        mask = mask_BS
        hidden = F.relu(self.first.forward_masked(vectors_BSC.mT, mask))
        for block, up in zip(self.blocks, self.up, strict=True):
            hidden = block(hidden, mask).repeat_interleave(2, dim=-1)
            mask = mask.repeat_interleave(2, dim=-1)
            hidden = up.forward_masked(hidden, mask)
        hidden = F.relu(self.inner.forward_masked(hidden, mask))
        return self.last.forward_masked(hidden, mask).mT


class VQVAE(nn.Module):
    """Tokenizer with one codebook; works on normalised features.

    Args:
        feature_count: D, 263 or 251.
        settings: sizes.
    """

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.feature_count = feature_count
        self.encoder = Encoder(feature_count, settings)
        self.codebook = Codebook(
            settings.codes, settings.code_width, settings.ema_decay, settings.reset_threshold
        )
        self.decoder = Decoder(feature_count, settings)

    def forward(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Reconstruction:
        """Encode, quantise and decode; in training mode the codebook follows."""
        mask_BT = _frame_mask(features_BTD, lengths_B)
        latents_BSC = self.encoder(features_BTD, mask_BT)
        mask_BS = mask_BT[:, ::DOWNSAMPLING]
        quantised = self.codebook(latents_BSC, mask_BS)
        return Reconstruction(self.decoder(quantised.vectors_BSC, mask_BS), quantised)

    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the encoder's latents before quantisation, (B, S, C), zero behind the true length."""
        latents_BSC: Tensor = self.encoder(features_BTD, _frame_mask(features_BTD, lengths_B))
        return latents_BSC

    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return codes (B, S), 0 behind the true length.

        Args:
            features_BTD: normalised features, T a multiple of four.
            lengths_B: true lengths in frames, multiples of four; all T without it.
        """
        mask_BS = _frame_mask(features_BTD, lengths_B)[:, ::DOWNSAMPLING]
        latents_BSC = self.latents(features_BTD, lengths_B)
        return self.codebook.nearest(latents_BSC.flatten(0, 1)).view(mask_BS.shape) * mask_BS

    def decode(self, codes_BS: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return normalised features (B, 4 S, D) of codes.

        Args:
            codes_BS: codes; those behind the true length are ignored.
            lengths_B: true lengths in tokens; all S without it.
        """
        mask_BS = _full_or(lengths_B, codes_BS)
        vectors_BSC = self.codebook.lookup(codes_BS) * mask_BS[..., None]
        features_BTD: Tensor = self.decoder(vectors_BSC, mask_BS)
        return features_BTD

    def losses(self, features_BTD: Tensor) -> dict[str, Tensor]:
        """Return the training losses on windows of true features (Eq. 6 and 7 with smooth L1).

        ``auxiliary`` is the smooth L1 of the local joint positions' differences in time (*switch*
        ``velocity``, the paper's V(m)), or of the positions themselves (``positions``, as the public code
        has it).
        """
        result = self(features_BTD)
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
            "perplexity": result.quantised.perplexity,
        }


def _full_or(lengths_B: Tensor | None, like_BS: Tensor) -> Tensor:
    if lengths_B is None:
        return torch.ones(like_BS.shape[:2], dtype=torch.bool, device=like_BS.device)
    return mask_of(lengths_B.to(like_BS.device), like_BS.shape[1])


def _frame_mask(features_BTD: Tensor, lengths_B: Tensor | None) -> Tensor:
    if features_BTD.shape[1] % DOWNSAMPLING:
        raise ValueError(f"{features_BTD.shape[1]} frames are no multiple of {DOWNSAMPLING}")
    return _full_or(lengths_B, features_BTD)
