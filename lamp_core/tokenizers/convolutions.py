"""Encoder and decoder of the motion tokenizers (LaMP, appendix A.3.1; sizes in section 4).

Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C code width, W channels. A mask
of None says that nothing is padded, as in training, where every window is full: no product is spent on it.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import Tokenizer as TokenizerSettings

STRIDES = 2
"""Strided convolutions of the encoder, each of which halves the rate."""
FRAMES_A_LATENT: int = 2**STRIDES


class MaskedConv(nn.Conv1d):
    """A convolution whose output is zero behind the true length.

    Zero behind the end is what a clip alone sees as padding, so a clip gives the same result alone and beside
    longer ones.
    """

    def forward(self, hidden_BWT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Convolve, then zero what is outside the mask (given at the output's rate)."""
        hidden_BWT = super().forward(hidden_BWT)
        return hidden_BWT if mask_BT is None else hidden_BWT * mask_BT[:, None, :]


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

    def forward(self, hidden_BWT: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return (B, W, T), zero outside the mask."""
        for dilated, pointwise in zip(self.dilated, self.pointwise, strict=True):
            inner_BWT = dilated(F.relu(hidden_BWT), mask_BT).relu_()
            hidden_BWT = hidden_BWT + pointwise(inner_BWT, mask_BT)
        return hidden_BWT


class Encoder(nn.Module):
    """Features to latents at a quarter of the rate."""

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        width, depth, growth = settings.hidden_dim, settings.residual_depth, settings.dilation_growth
        self.first = MaskedConv(feature_count, width, 3, padding=1)
        self.down = nn.ModuleList(MaskedConv(width, width, 4, stride=2, padding=1) for _ in range(STRIDES))
        self.blocks = nn.ModuleList(
            ResidualBlock(width, depth, growth, reverse=False) for _ in range(STRIDES)
        )
        self.last = MaskedConv(width, settings.code_dim, 3, padding=1)

    def forward(self, features_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return latents (B, S, C)."""
        if mask_BT is not None:
            features_BTD = features_BTD * mask_BT[..., None]
        hidden = self.first(features_BTD.mT, mask_BT).relu_()
        for down, block in zip(self.down, self.blocks, strict=True):
            mask_BT = None if mask_BT is None else mask_BT[:, ::2]
            hidden = block(down(hidden, mask_BT), mask_BT)
        latents_BCS: Tensor = self.last(hidden, mask_BT)
        return latents_BCS.mT


class Decoder(nn.Module):
    """Code vectors back to features: the encoder's mirror, with nearest-neighbour up-sampling."""

    def __init__(self, feature_count: int, settings: TokenizerSettings) -> None:
        super().__init__()
        width, depth, growth = settings.hidden_dim, settings.residual_depth, settings.dilation_growth
        self.first = MaskedConv(settings.code_dim, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width, depth, growth, reverse=True) for _ in range(STRIDES))
        self.up = nn.ModuleList(MaskedConv(width, width, 3, padding=1) for _ in range(STRIDES))
        self.inner = MaskedConv(width, width, 3, padding=1)
        self.last = MaskedConv(width, feature_count, 3, padding=1)

    def forward(self, vectors_BSC: Tensor, mask_BS: Tensor | None) -> Tensor:
        """Return features (B, 4 S, D)."""
        mask = mask_BS
        hidden = self.first(vectors_BSC.mT, mask).relu_()
        for block, up in zip(self.blocks, self.up, strict=True):
            hidden = block(hidden, mask).repeat_interleave(2, dim=-1)
            mask = None if mask is None else mask.repeat_interleave(2, dim=-1)
            hidden = up(hidden, mask)
        hidden = self.inner(hidden, mask).relu_()
        features_BDT: Tensor = self.last(hidden, mask)
        return features_BDT.mT
