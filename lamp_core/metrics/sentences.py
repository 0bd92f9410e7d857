"""Sentence similarity of captions, by the packaged six-layer MiniLM; offline.

Shapes: N captions, L word pieces, H width 384.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lamp_core.lamp.backbone import minilm_folder
from lamp_core.lamp.text import TextTokenizer

MAX_WORDS = 128
BATCH_CAPTIONS = 256


@torch.no_grad()
def sentence_embeddings(captions: Sequence[str]) -> np.ndarray:
    """Return (N, 384) embeddings of captions: the mean of the word states, not normalised.

    Raises:
        LampError: the extra `minilm` is not installed.
    """
    from transformers import BertModel

    folder = minilm_folder()
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    words = TextTokenizer.load(folder, MAX_WORDS)
    parts = []
    for start in range(0, len(captions), BATCH_CAPTIONS):
        ids_BL, mask_BL = words(captions[start : start + BATCH_CAPTIONS])
        states_BLH = model(ids_BL, attention_mask=mask_BL.long()).last_hidden_state
        mask_BL1 = mask_BL[..., None].float()
        parts.append((states_BLH * mask_BL1).sum(1) / mask_BL1.sum(1))
    return torch.cat(parts).numpy()
