"""What every motion tokenizer offers: codes by channel, and back.

Shapes: B batch, T frames, D feature numbers a frame, S motion tokens, C latent width, R channels.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import Literal, Protocol, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from lamp_core.config.base import Optimisation, Section
from lamp_core.errors import LampError

ChannelKind = Literal["codebook", "residual layer", "body part", "grid part"]
MAX_CODEBOOK_SIZE = 2**16
"""Codes of a channel fit 16 bits."""

HOW_TRAINED = (
    "training",
    "clip_start_share",
    "contact_weight",
    "filled_by",
    "heading_weight",
)
"""Settings that an identity leaves out; those of the losses that are older are part of it."""

DecodedError = Callable[[Tensor, Tensor], Tensor]
"""True and made windows (B, T, D), normalised, to a loss on what they decode to."""

NOTHING_DECODED: Mapping[str, DecodedError] = MappingProxyType({})

Codes = TypeVar("Codes", Tensor, np.ndarray)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Channel:
    """One of the codes that a motion token consists of.

    Args:
        name: of the channel among those of its tokenizer.
        kind: ``codebook``, the only one; ``residual layer``, which quantises what the layers before it leave;
            ``body part``, such as the hands; ``grid part``, a row of a two-dimensional grid of time by parts.
        codebook_size: how many codes there are, at most 2^16.

    Raises:
        ValueError: the codes do not fit 16 bits.
    """

    name: str
    kind: ChannelKind
    codebook_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.codebook_size <= MAX_CODEBOOK_SIZE:
            raise ValueError(f"channel {self.name!r} has {self.codebook_size} codes; at most 2^16 are kept")


def bits_a_token(channels: Sequence[Channel]) -> float:
    """Bits that the codes of a motion token can say, all channels together: the rate of a tokenizer."""
    return sum(log2(channel.codebook_size) for channel in channels)


class TokenizerSettings(Protocol):
    """What the training of a tokenizer of any kind reads of its settings."""

    @property
    def kind(self) -> str:
        """Name in the catalogue of kinds."""

    @property
    def window_frames(self) -> int:
        """Frames of a training window."""

    @property
    def clip_start_share(self) -> float:
        """Share of windows that begin with their clip."""

    @property
    def training(self) -> Optimisation:
        """Steps, batch and learning rate."""


class MotionTokenizer(nn.Module, ABC):
    """Normalised features to codes, one a channel for every motion token, and back.

    Args:
        feature_count: D, numbers a frame.
        settings: sizes of the kind.
    """

    settings: Section

    def __init__(self, feature_count: int, settings: Section) -> None:
        super().__init__()
        self.feature_count = feature_count
        self.settings = settings

    @property
    @abstractmethod
    def channels(self) -> tuple[Channel, ...]:
        """What the codes of a motion token are, the coarsest first."""

    @property
    def min_channels(self) -> int:
        """How many leading channels `decode` needs at least; all of them where none can be left out."""
        return len(self.channels)

    @property
    @abstractmethod
    def downsampling(self) -> int:
        """Frames of a motion token."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """C, numbers of a latent."""

    @abstractmethod
    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the latents before quantisation, (B, S, C), zero behind the true length.

        Args:
            features_BTD: normalised features, T a multiple of the frames of a token.
            lengths_B: true lengths in frames, such multiples too; all T without it.

        Raises:
            ValueError: T is no multiple.
        """

    @abstractmethod
    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return the codes (B, S, R) of all channels, 0 behind the true length; arguments as `latents`."""

    @abstractmethod
    def decode(self, codes_BSR: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return normalised features (B, T, D) of codes, zero behind the true length.

        Args:
            codes_BSR: of all channels, or of leading ones, `min_channels` at least; those behind the true
                length are ignored.
            lengths_B: true lengths in tokens; all S without it.

        Raises:
            ValueError: the codes have no channels, too few or too many.
        """

    @abstractmethod
    def losses(
        self, features_BTD: Tensor, decoded: Mapping[str, DecodedError] = NOTHING_DECODED
    ) -> dict[str, Tensor]:
        """Return the losses of a batch of full windows, ``loss`` among them, the one that is minimised.

        Args:
            features_BTD: normalised features.
            decoded: by name, how wrong that is which made windows decode to, for kinds that weigh it.

        Raises:
            ValueError: one has a weight and is not given.
        """

    def leading(self, channels: int) -> Self:
        """Return the tokenizer with its leading channels alone; it keeps its identity, as its codes do.

        Raises:
            ValueError: its channels are decoded together.
        """
        if channels < len(self.channels):
            raise ValueError(f"{channels} of {len(self.channels)} channels are no motion")
        return self

    def start_at_random(self) -> None:
        """Give random values to what the first training batch would initialise, for an untrained floor."""

    def identity(self) -> str:
        """Return the SHA-256 of weights and configuration.

        Codes and latents of a tokenizer with another identity mean something else. How it was trained is left
        out: two trainings that came to the same weights are the same tokenizer.
        """
        sizes = self.settings.model_dump(mode="json", exclude=set(HOW_TRAINED))
        told = {"kind": type(self).__name__, "feature_count": self.feature_count, "settings": sizes}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            values = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{name} {values.dtype} {values.shape}".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()

    def check_channels(self, codes_BSR: Tensor) -> int:
        """Return how many leading channels codes have.

        Raises:
            ValueError: the codes have no channels, too few or too many to be decoded.
        """
        count = codes_BSR.shape[2] if codes_BSR.ndim == 3 else 0
        if not self.min_channels <= count <= len(self.channels):
            raise ValueError(
                f"codes of shape {tuple(codes_BSR.shape)} are not (batch, tokens, channels) with "
                f"{self.min_channels} to {len(self.channels)} channels"
            )
        return count


def first_channel(codes: Codes) -> Codes:
    """Return the codes of the first channel, (..., S) of (..., S, R).

    LaMP reads these alone, and the masked transformer generates them: the one codebook, or the coarsest
    residual layer, behind which the residual transformer fills the others.
    """
    return codes[..., 0]


def check_first_channel(tokenizer: MotionTokenizer) -> None:
    """Refuse a tokenizer whose first channel is no motion alone, for a model that makes that channel only.

    Raises:
        LampError: it is.
    """
    if tokenizer.min_channels > 1:
        names = ", ".join(channel.name for channel in tokenizer.channels)
        raise LampError(
            f"text to motion makes codes of the first channel, and those of this tokenizer ({names}) are "
            "decoded together; take tokenizer.kind vqvae or rvq, or a system that makes every channel"
        )


def has_further_layers(tokenizer: MotionTokenizer) -> bool:
    """Whether the first channel is a motion alone, and further ones refine it: a residual tokenizer."""
    return tokenizer.min_channels == 1 < len(tokenizer.channels)


def as_first_channel(codes: Codes) -> Codes:
    """Return codes (..., S) as those of the first channel, (..., S, 1), as `MotionTokenizer.decode` reads."""
    return codes[..., None]


def by_channel(name: str, values: Sequence[Value]) -> dict[str, Value]:
    """Name one value a channel: the plain name for the first, ``NAME_1`` and so on for those behind it."""
    return {name if place == 0 else f"{name}_{place}": value for place, value in enumerate(values)}
