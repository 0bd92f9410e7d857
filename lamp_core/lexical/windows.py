"""Words of motions of any length, from a model that sees windows of them.

A word weighs what it weighs in the window where it weighs most, which is what the model's own pooling over
time would give, were the motion not too long for it.

Shapes: N motions, T frames, D feature numbers a frame, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np

from lamp_core.lexical.batches import in_parts
from lamp_core.lexical.vectors import LexicalVectors

WINDOWS_AT_ONCE = 64


def whole_motion_weights(vectors: LexicalVectors, motions: Sequence[np.ndarray]) -> np.ndarray:
    """(N, V) of normalised motions (T, D), not normalised; of those longer than the model's longest all of
    it."""
    longest = vectors.model.shape.motion.max_frames
    weights_NV = vectors.motion_weights(motions)  # of their beginnings
    for weights_V, motion_TD in zip(weights_NV, motions, strict=True):
        starts = window_starts(len(motion_TD), longest)[1:]
        for part in in_parts(len(starts), WINDOWS_AT_ONCE):
            windows = [motion_TD[starts[place] : starts[place] + longest] for place in part]
            np.maximum(weights_V, vectors.motion_weights(windows).max(axis=0), out=weights_V)
    return weights_NV


def window_starts(frames: int, longest: int) -> list[int]:
    """Where the fewest windows of the longest length begin that cover a motion, evenly spread over it."""
    windows = max(1, -(-frames // longest))
    starts: list[int] = np.linspace(0, max(0, frames - longest), windows).astype(int).tolist()
    return starts
