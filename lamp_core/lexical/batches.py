"""Motions and captions of a split on the device, from which a batch is picked without a loop over its items.

Shapes: B batch, T frames of the longest in a batch, F frames of all motions, D feature numbers a frame, M
captions of all items, L word pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.datasets.items import mask_of
from lamp_core.lamp.text import TextTokenizer

NO_CAPTION = "no clip of the train split has a caption; see data/ingest/rejected.parquet"


@dataclass(frozen=True)
class LexicalItem:
    """A motion as the model sees it, with its captions.

    Args:
        clip: name of the clip.
        features_TD: normalised, cut to the longest motion.
        captions: at least one.
    """

    clip: str
    features_TD: np.ndarray
    captions: tuple[str, ...]


class Motions:
    """Motions that lie side by side on the device, behind one row of zeros that stands for padding.

    Args:
        motions: normalised features (T, D), at least one.
        device: where the batches are wanted.
    """

    def __init__(self, motions: Sequence[np.ndarray], device: torch.device) -> None:
        nothing_1D = np.zeros_like(motions[0][:1])
        self.frames_FD = torch.from_numpy(np.concatenate([nothing_1D, *motions])).to(device)
        lengths_N = torch.tensor([len(motion) for motion in motions])
        self.lengths_N = lengths_N.to(device)
        self.first_N = (1 + lengths_N.cumsum(0) - lengths_N).to(device)

    def __len__(self) -> int:
        return len(self.lengths_N)

    def pick(self, items_B: np.ndarray) -> tuple[Tensor, Tensor]:
        """Features (B, T, D), zero behind the true length, and the mask (B, T) of the frames."""
        rows_B = torch.as_tensor(items_B).to(self.frames_FD.device)
        lengths_B = self.lengths_N[rows_B]
        mask_BT = mask_of(lengths_B, int(lengths_B.max()))
        within_T = torch.arange(mask_BT.shape[1], device=self.frames_FD.device)
        places_BT = (self.first_N[rows_B][:, None] + within_T) * mask_BT
        return F.embedding(places_BT, self.frames_FD), mask_BT


class CaptionTable:
    """Captions that were split into word pieces once.

    Args:
        captions: M texts, at least one.
        tokenizer: that splits them.
        device: where the batches are wanted.
    """

    def __init__(self, captions: Sequence[str], tokenizer: TextTokenizer, device: torch.device) -> None:
        ids_ML, mask_ML = tokenizer(captions)
        self.ids_ML, self.words_M = ids_ML.to(device), mask_ML.sum(dim=1).to(device)

    def __len__(self) -> int:
        return len(self.words_M)

    def pick(self, captions_B: np.ndarray) -> tuple[Tensor, Tensor]:
        """Ids (B, L) and mask (B, L) of some captions, L the longest of them."""
        rows_B = torch.as_tensor(captions_B).to(self.ids_ML.device)
        words_B = self.words_M[rows_B]
        mask_BL = mask_of(words_B, int(words_B.max()))
        return self.ids_ML[rows_B, : mask_BL.shape[1]], mask_BL


def in_parts(count: int, size: int) -> list[np.ndarray]:
    """The numbers from 0 in parts of at most ``size``."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
