"""Encoder and decoder of the motion tokenizers (LaMP, appendix A.3.1; sizes in section 4).

They read a frame as one row of numbers, or as a grid of parts side by side (large motion model, 4.2): then
every part has channels of its own, and the parts read each other in the residual blocks.

Shapes: B batch, T frames, D feature numbers a frame, S = T/4 motion tokens, C latent width, W channels, those
of the first part first. A mask of None says that nothing is padded, as in training, where every window is
full: no product is spent on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.tokenizers import ConvolutionalSizes

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


@dataclass(frozen=True)
class Grid:
    """A frame as parts side by side.

    Args:
        columns: places of each part's numbers in a frame; every number is in one part.
        part_dim: channels of a part.
        exchange: the parts read each other.
    """

    columns: tuple[tuple[int, ...], ...]
    part_dim: int
    exchange: bool


class PartsIn(nn.Module):
    """The numbers of each part to the part's channels."""

    order_D: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        widths = [len(columns) for columns in grid.columns]
        self.ends = [sum(widths[: place + 1]) for place in range(len(widths) - 1)]
        self.register_buffer("order_D", torch.tensor(_flat(grid.columns)), persistent=False)
        self.parts = nn.ModuleList(MaskedConv(width, grid.part_dim, 3, padding=1) for width in widths)

    def forward(self, features_BDT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Return (B, W, T)."""
        of_parts = features_BDT.index_select(1, self.order_D).tensor_split(self.ends, dim=1)
        return torch.cat([part(own, mask_BT) for part, own in zip(self.parts, of_parts, strict=True)], dim=1)


class PartsOut(nn.Module):
    """The channels of each part to the part's numbers, put where they stand in a frame."""

    place_D: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        order_D = torch.tensor(_flat(grid.columns))
        self.register_buffer("place_D", order_D.argsort(), persistent=False)
        self.parts = nn.ModuleList(
            MaskedConv(grid.part_dim, len(columns), 3, padding=1) for columns in grid.columns
        )

    def forward(self, hidden_BWT: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Return (B, D, T)."""
        of_parts = hidden_BWT.chunk(len(self.parts), dim=1)
        made = [part(own, mask_BT) for part, own in zip(self.parts, of_parts, strict=True)]
        return torch.cat(made, dim=1).index_select(1, self.place_D)


class ResidualBlock(nn.Module):
    """Dilated convolutions with a skip over each; dilation ``growth ** i``, reversed in the decoder.

    Of a grid the dilated ones go along a part, the pointwise ones behind them over all parts.
    """

    def __init__(self, layers: "Layers", reverse: bool) -> None:
        super().__init__()
        width, parts = layers.width, layers.parts
        powers = [layers.sizes.dilation_growth**index for index in range(layers.sizes.residual_depth)]
        self.dilated = nn.ModuleList(
            MaskedConv(width, width, 3, padding=dilation, dilation=dilation, groups=parts)
            for dilation in (powers[::-1] if reverse else powers)
        )
        mixed = 1 if layers.exchange else parts
        self.pointwise = nn.ModuleList(MaskedConv(width, width, 1, groups=mixed) for _ in powers)

    def forward(self, hidden_BWT: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return (B, W, T), zero outside the mask."""
        for dilated, pointwise in zip(self.dilated, self.pointwise, strict=True):
            inner_BWT = dilated(F.relu(hidden_BWT), mask_BT).relu_()
            hidden_BWT = hidden_BWT + pointwise(inner_BWT, mask_BT)
        return hidden_BWT


@dataclass(frozen=True)
class Layers:
    """What encoder and decoder are made of.

    Args:
        feature_count: D.
        sizes: of the section.
        latent_dim: C.
        grid: the parts of a frame; None for one row of numbers.
    """

    feature_count: int
    sizes: ConvolutionalSizes
    latent_dim: int
    grid: Grid | None = None

    @property
    def parts(self) -> int:
        """Rows of the grid."""
        return len(self.grid.columns) if self.grid else 1

    @property
    def exchange(self) -> bool:
        """Whether parts read each other; a single one reads itself."""
        return self.grid is None or self.grid.exchange

    @property
    def width(self) -> int:
        """W, channels of all parts."""
        return self.parts * self.grid.part_dim if self.grid else self.sizes.hidden_dim

    def features_in(self) -> nn.Module:
        """The first convolution of the encoder."""
        return PartsIn(self.grid) if self.grid else MaskedConv(self.feature_count, self.width, 3, padding=1)

    def features_out(self) -> nn.Module:
        """The last convolution of the decoder."""
        return PartsOut(self.grid) if self.grid else MaskedConv(self.width, self.feature_count, 3, padding=1)

    def convolution(self, taken: int, given: int, kernel: int = 3, stride: int = 1) -> MaskedConv:
        """A convolution that keeps the parts apart."""
        return MaskedConv(taken, given, kernel, stride=stride, padding=1, groups=self.parts)


class Encoder(nn.Module):
    """Features to latents at a quarter of the rate."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        width = layers.width
        self.first = layers.features_in()
        self.down = nn.ModuleList(layers.convolution(width, width, 4, stride=2) for _ in range(STRIDES))
        self.blocks = nn.ModuleList(ResidualBlock(layers, reverse=False) for _ in range(STRIDES))
        self.last = layers.convolution(width, layers.latent_dim)

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

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        width = layers.width
        self.first = layers.convolution(layers.latent_dim, width)
        self.blocks = nn.ModuleList(ResidualBlock(layers, reverse=True) for _ in range(STRIDES))
        self.up = nn.ModuleList(layers.convolution(width, width) for _ in range(STRIDES))
        self.inner = layers.convolution(width, width)
        self.last = layers.features_out()

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


def _flat(columns: Sequence[Sequence[int]]) -> list[int]:
    return [place for part in columns for place in part]
