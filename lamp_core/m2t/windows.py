"""Windows in which a long motion is captioned."""

import math
from itertools import pairwise

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.errors import LampError

SECONDS = 4.0
"""Length of a window unless another is asked for: that of a clip with one action."""


def windows(frames: int, fps: float, longest: int, seconds: float = SECONDS) -> list[tuple[int, int]]:
    """Return first and last frame (not included) of windows that lie side by side and cover a motion.

    They are as few as their length allows, and about equally long. All but the last end at a multiple of four
    frames, so that no frame between two of them is lost to the tokens.

    Args:
        frames: of the motion.
        fps: frames a second.
        longest: most frames of a window, at least eight.
        seconds: most seconds of a window.

    Raises:
        LampError: the motion is shorter than a token, or the windows would be.
    """
    if frames < DOWNSAMPLING:
        raise LampError(f"the motion has {frames} feature frames; a caption needs at least {DOWNSAMPLING}")
    if not math.isfinite(seconds):
        raise LampError(f"windows of {seconds:g} s: give a length in seconds")
    most = round(min(seconds * fps, longest)) // DOWNSAMPLING
    if most < 1:
        raise LampError(f"windows of {seconds:g} s are shorter than {DOWNSAMPLING / fps:g} s, a motion token")
    tokens = frames // DOWNSAMPLING
    count = -(-tokens // most)
    edges = [round(tokens * place / count) * DOWNSAMPLING for place in range(count)] + [frames]
    return list(pairwise(edges))
