"""Sentence similarity of captions, by the packaged six-layer MiniLM; offline.

Shapes: N captions.
"""

from collections.abc import Sequence

import numpy as np

from lamp_core.lamp.text_encoder import TextEncoder


def sentence_embeddings(captions: Sequence[str]) -> np.ndarray:
    """Return (N, 384) embeddings of captions: the mean of the word states, not normalised.

    Raises:
        LampError: the extra `minilm` is not installed.
    """
    return TextEncoder.load("minilm").embeddings(captions).numpy()
