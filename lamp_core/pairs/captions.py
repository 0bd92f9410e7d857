"""The draw of one caption of each item, for every training on motion and text.

Shapes: B batch, N items, M captions of all items.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

Below = Callable[[np.ndarray], np.ndarray]
"""Draws whole numbers, each from 0 up to its bound (not included)."""


def below_by_torch(bounds_B: np.ndarray) -> np.ndarray:
    """Draw with torch's generator of the CPU, which a training seeds at every step."""
    drawn_B = torch.rand(len(bounds_B), dtype=torch.float64) * torch.from_numpy(bounds_B)
    return drawn_B.long().numpy()


def one_of(captions: Sequence[str], draws: np.random.Generator) -> str:
    """Return one of an item's captions, each equally likely, by the generator of an example's own draws."""
    return captions[int(draws.integers(len(captions)))]


class CaptionIndex:
    """Where the captions of each item are, when those of all items lie side by side.

    Args:
        counts: captions of each item, at least one.

    Raises:
        ValueError: an item has none.
    """

    def __init__(self, counts: Sequence[int] | np.ndarray) -> None:
        self.counts_N = np.asarray(counts, dtype=np.int64)
        if (self.counts_N < 1).any():
            raise ValueError(f"item {int(self.counts_N.argmin())} has no caption to draw")
        self.first_N = np.cumsum(self.counts_N) - self.counts_N

    def __len__(self) -> int:
        return int(self.counts_N.sum())

    @property
    def owners_M(self) -> np.ndarray:
        """The item of each caption."""
        return np.repeat(np.arange(len(self.counts_N)), self.counts_N)

    def draw(self, items_B: np.ndarray, below: Below = below_by_torch) -> np.ndarray:
        """Return a caption (B,) of each of some items, each of an item's captions equally likely.

        Args:
            items_B: the items.
            below: what draws. Each training keeps its generator, so that one seed goes on to give one model.
        """
        captions_B: np.ndarray = self.first_N[items_B] + below(self.counts_N[items_B])
        return captions_B
