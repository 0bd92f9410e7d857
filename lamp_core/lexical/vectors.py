"""Vectors of many texts and motions from a frozen model, in batches.

Shapes: N items, T frames, D feature numbers a frame, V vocabulary (lexical), or width of the vectors (dense).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import length_batches
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, Motions, in_parts
from lamp_core.lexical.model import LexicalModel

BATCH_FRAMES = 8192
BATCH_CAPTIONS = 128


class LexicalVectors:
    """What stands for texts and motions.

    Args:
        model: in evaluation mode when it is asked.
        tokenizer: its vocabulary.
    """

    def __init__(self, model: LexicalModel, tokenizer: TextTokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.text.words_VH.device

    @torch.no_grad()
    def text_weights(self, texts: Sequence[str]) -> np.ndarray:
        """(N, V), not normalised."""
        table = CaptionTable(texts, self.tokenizer, self.device)
        parts = [
            self.model.text_weights(*table.pick(texts_B)).float().cpu()
            for texts_B in in_parts(len(texts), BATCH_CAPTIONS)
        ]
        weights_NV: np.ndarray = torch.cat(parts).numpy()
        return weights_NV

    @torch.no_grad()
    def motion_weights(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """(N, V) of normalised motions (T, D), not normalised; longer ones are cut to the model's longest."""
        longest = self.model.shape.motion.max_frames
        table = Motions([motion[:longest] for motion in motions], self.device)
        made: Tensor | None = None
        for items in length_batches([min(len(motion), longest) for motion in motions], BATCH_FRAMES):
            weights_BV = self.model.motion_weights(*table.pick(np.array(items))).float().cpu()
            made = torch.zeros(len(motions), weights_BV.shape[1]) if made is None else made
            made[items] = weights_BV
        assert made is not None, "no motion to embed"
        weights_NV: np.ndarray = made.numpy()
        return weights_NV


def units(weights_NV: np.ndarray) -> np.ndarray:
    """Rows of length one; a row without a weight stays zero."""
    lengths_N1 = np.linalg.norm(weights_NV, axis=1, keepdims=True)
    made: np.ndarray = weights_NV / np.maximum(lengths_N1, 1e-12)
    return made
