"""Captions of a long motion by windows, with times.

Shapes: T frames, D feature numbers a frame.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.errors import LampError
from lamp_core.m2t.decoding import Search

SECONDS = 4.0
"""Length of a window unless another is asked for: that of a clip with one action."""


class Captions(Protocol):
    """What captions the windows: a `Captioner`."""

    frames_per_second: float
    longest_frames: int

    def captions(self, motions: Sequence[np.ndarray], search: Search | None = None) -> list[str]:
        """Return a caption of each motion (T, D)."""


@dataclass(frozen=True)
class TimedCaption:
    """What happens from one moment to another.

    Args:
        start_s: seconds to its beginning.
        end_s: seconds to its end.
        text: the caption.
    """

    start_s: float
    end_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.start_s:.1f} to {self.end_s:.1f} s: {self.text}"


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


def caption_windows(
    captioner: Captions, features_TD: np.ndarray, search: Search | None = None, seconds: float = SECONDS
) -> list[TimedCaption]:
    """Caption a motion of any length, window by window.

    Args:
        captioner: trained.
        features_TD: normalised.
        search: see `Captioner.captions`.
        seconds: most seconds of a window.

    Raises:
        LampError: the motion is shorter than a token or of another skeleton, or the windows would be shorter.
    """
    rate = captioner.frames_per_second
    spans = windows(len(features_TD), rate, captioner.longest_frames, seconds)
    texts = captioner.captions([features_TD[start:end] for start, end in spans], search)
    return [
        TimedCaption(start / rate, end / rate, text) for (start, end), text in zip(spans, texts, strict=True)
    ]
