"""A tokenizer as a model that gives motions back: through all of its codes, and through those of a channel.

Shapes: T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lamp_core.tokenizers.clips import code_usage, encode_clips, reconstruct_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.kinds import kind_of, untrained_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.seeds import seed_everything


@dataclass(frozen=True)
class TokenizerReconstruction:
    """The capability `reconstruct` of a tokenizer.

    Args:
        tokenizer: trained.
        channels: leading channels used; all of them without it.
    """

    tokenizer: MotionTokenizer
    channels: int | None = None

    @property
    def name(self) -> str:
        """Its kind, as the papers call it."""
        return kind_of(self.tokenizer).label

    def reconstruct(self, motions: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Normalised motions to codes and back, each cut to a multiple of four frames."""
        return reconstruct_clips(self.tokenizer, motions, channels=self.channels)

    def usage(self, motions: Sequence[np.ndarray]) -> Sequence[float]:
        """Mean over the channels of the share of codes in use and of the perplexity."""
        codes = encode_clips(self.tokenizer, motions)
        of_channels = [
            code_usage([codes_SR[:, place] for codes_SR in codes], channel.codebook_size)
            for place, channel in enumerate(self.tokenizer.channels[: self.channels])
        ]
        means: list[float] = np.mean(of_channels, axis=0).tolist()
        return means

    def parts(self) -> Mapping[str, "TokenizerReconstruction"]:
        """The first channel, where it means something alone: what a generator of its codes can reach."""
        has_first = self.channels is None and self.tokenizer.min_channels == 1 < len(self.tokenizer.channels)
        return {f"{self.name}, first layer": replace(self, channels=1)} if has_first else {}

    def untrained(self, seed: int) -> "TokenizerReconstruction":
        """A tokenizer of the same kind and sizes with random weights and codes."""
        seed_everything(seed)
        return TokenizerReconstruction(untrained_tokenizer(self.tokenizer))


def load_reconstruction(folder: Path, device: torch.device) -> TokenizerReconstruction:
    """Load a trained tokenizer; LampError as `load_tokenizer`."""
    return TokenizerReconstruction(load_tokenizer(folder).to(device))
