"""A tokenizer as a model that gives motions back: through all of its codes, and through those of a layer.

Shapes: T frames, D feature numbers a frame, S motion tokens, R quantiser layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lamp_core.tokenizers.clips import code_usage, encode_clip_layers, reconstruct_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.vqvae import MotionTokenizer, untrained_tokenizer
from lamp_core.training.sampling import seed_everything

NAMES = {"vqvae": "VQ-VAE", "rvq": "RVQ-VAE"}


@dataclass(frozen=True)
class TokenizerReconstruction:
    """The capability `reconstruct` of a tokenizer.

    Args:
        tokenizer: trained.
        layers: leading quantiser layers used; all of them without it.
    """

    tokenizer: MotionTokenizer
    layers: int | None = None

    @property
    def name(self) -> str:
        """Its kind, as the papers call it."""
        kind = self.tokenizer.settings.kind
        return NAMES.get(kind, kind)

    def reconstruct(self, motions: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Normalised motions to codes and back, each cut to a multiple of four frames."""
        return reconstruct_clips(self.tokenizer, motions, layers=self.layers)

    def usage(self, motions: Sequence[np.ndarray]) -> Sequence[float]:
        """Mean over the layers of the share of codes in use and of the perplexity."""
        codes = [codes_SR[:, : self.layers] for codes_SR in encode_clip_layers(self.tokenizer, motions)]
        of_layers = [
            code_usage([codes_SR[:, layer] for codes_SR in codes], self.tokenizer.settings.codes)
            for layer in range(codes[0].shape[1])
        ]
        return list(np.mean(of_layers, axis=0))

    def parts(self) -> Mapping[str, "TokenizerReconstruction"]:
        """The first layer of several: what a model that generates its codes alone can reach at best."""
        has_several = self.layers is None and len(self.tokenizer.layers) > 1
        return {f"{self.name}, first layer": replace(self, layers=1)} if has_several else {}

    def untrained(self, seed: int) -> "TokenizerReconstruction":
        """A tokenizer of the same kind and sizes with random weights and codes."""
        seed_everything(seed)
        return TokenizerReconstruction(untrained_tokenizer(self.tokenizer))


def load_reconstruction(folder: Path, device: torch.device) -> TokenizerReconstruction:
    """Load a trained tokenizer; LampError as `load_tokenizer`."""
    return TokenizerReconstruction(load_tokenizer(folder).to(device))
