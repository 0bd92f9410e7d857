"""Vectors of captions by a frozen sentence encoder, which LaMP may read beside its own text side.

Shapes: N captions, W width of the encoder.
"""

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.lamp.text_encoder import TextEncoder

NO_ENCODER, MINILM = "none", "minilm"
WIDTHS = {NO_ENCODER: 0, MINILM: 384}


def sentence_dim(encoder: str) -> int:
    """W of a sentence encoder by its name; 0 for none."""
    return WIDTHS[encoder]


class SentenceVectors:
    """Captions to unit vectors (N, W) on the CPU; each caption is read once.

    Args:
        encoder: frozen.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self._known: dict[str, Tensor] = {}

    def __call__(self, captions: Sequence[str]) -> Tensor:
        """Return the vectors of captions, in their order."""
        new = sorted(set(captions) - self._known.keys())
        if new:
            self._known.update(zip(new, F.normalize(self.encoder.embeddings(new), dim=-1), strict=True))
        return torch.stack([self._known[caption] for caption in captions])


@cache
def sentence_vectors(encoder: str, device: torch.device) -> SentenceVectors:
    """Return the vectors of a sentence encoder, which all of this process share.

    Args:
        encoder: `minilm`, the packaged one.
        device: where it runs.

    Raises:
        LampError: the extra `minilm` is not installed.
    """
    return SentenceVectors(TextEncoder.load(encoder, device))
