"""Which of several answers fits the poses that were given: the one in which the model finds them likeliest.

A causal model that does not look ahead far enough draws a motion before it comes to a pose. Several are drawn
therefore, and each is weighed by how likely the given codes are behind what stands before them.
Shapes: N sequences.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lamp_core.motion_language.words import length
from lamp_core.segments import Segment, collate, next_token_logits, token_losses

WEIGHED_TOGETHER = 64


@torch.no_grad()
def surprise(language: Any, sequences: Sequence[Sequence[Segment]], padding: int) -> np.ndarray:
    """Return minus the log likelihood of the predicted words of each sequence, float (N,).

    Args:
        language: in evaluation mode.
        sequences: each predicts something.
        padding: word that stands where nothing is.
    """
    device = next(language.parameters()).device
    found_N = np.zeros(len(sequences))
    order = sorted(range(len(sequences)), key=lambda place: length(sequences[place]))
    for start in range(0, len(order), WEIGHED_TOGETHER):
        some = order[start : start + WEIGHED_TOGETHER]
        batch = collate([sequences[place] for place in some], padding).to(device)
        found_N[some] = token_losses(next_token_logits(language, batch), batch).cpu().numpy()
    return found_N
