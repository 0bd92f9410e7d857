"""Motions with their captions, as every system that compares the two trains on them.

Shapes: B batch, N items, M captions of all items, W width of a sentence encoder.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from lamp_core.pairs.captions import Below, CaptionIndex, below_by_torch
from lamp_core.pairs.negatives import equal_numbers, motion_numbers, text_numbers


class PairTable:
    """Which caption belongs to which motion, and which pairs are no negatives of each other.

    Args:
        clips: name of each item's clip.
        captions: texts of each item, at least one.
        sentences_MW: unit vectors of all captions by a sentence encoder, for ``equal_similarity``.
        equal_similarity: captions whose vectors have at least this cosine are no negatives either.

    Raises:
        ValueError: an item has no caption.
    """

    def __init__(
        self,
        clips: Sequence[str],
        captions: Sequence[Sequence[str]],
        sentences_MW: Tensor | None = None,
        equal_similarity: float = 1.0,
    ) -> None:
        self.captions = list(chain.from_iterable(captions))
        self.index = CaptionIndex([len(texts) for texts in captions])
        self.motion_N = motion_numbers(clips)
        self.text_M = text_numbers(self.captions)
        self.sentences_MW, self.equal_similarity = sentences_MW, equal_similarity

    def __len__(self) -> int:
        return len(self.motion_N)

    def draw(self, items_B: np.ndarray, below: Below = below_by_torch) -> np.ndarray:
        """Return a caption (B,) of each of some items; see `CaptionIndex.draw`."""
        return self.index.draw(items_B, below)

    def equal(self, items_B: np.ndarray, captions_B: np.ndarray) -> Tensor:
        """Return (B, B) booleans: same motion, its mirror, or the same caption; the diagonal is true.

        With sentence vectors also captions that these say mean the same.
        """
        items, captions = torch.as_tensor(items_B), torch.as_tensor(captions_B)
        equal_BB = equal_numbers(self.motion_N[items], self.text_M[captions])
        if self.sentences_MW is None:
            return equal_BB
        sentences_BW = self.sentences_MW[captions]
        return equal_BB | (sentences_BW @ sentences_BW.T >= self.equal_similarity)
