"""Motions that are read from one of their first frames: of one clip, as many sequences of codes.

A token is a window of frames, so that a clip without its first frame has other codes throughout. Loaders of
HumanML3D cut motions at random for the same reason.
Shapes: T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lamp_core.config.large_motion import LargeMotion
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.protocol import MotionTokenizer


def from_more_starts(
    motions: Sequence[SpokenMotion],
    features: Sequence[np.ndarray],
    tokenizer: MotionTokenizer,
    settings: LargeMotion,
) -> list[SpokenMotion]:
    """Return the motions with the codes that they have from later first frames (*switch* ``starts``).

    Args:
        motions: with the codes from their first frames.
        features: of each, normalised (T, D).
        tokenizer: of the codes.
        settings: how many first frames there are, and the longest motion.
    """
    later = [_codes_from(start, features, tokenizer, settings) for start in range(1, settings.starts)]
    return [replace(motion, begun_later=tuple(codes)) for motion, *codes in zip(motions, *later, strict=True)]


def _codes_from(
    start: int, features: Sequence[np.ndarray], tokenizer: MotionTokenizer, settings: LargeMotion
) -> list[np.ndarray]:
    """Codes (S, R) of motions without their first frames; with them where no token would be left."""
    shortest = start + tokenizer.downsampling
    left = [motion_TD[start if len(motion_TD) >= shortest else 0 :] for motion_TD in features]
    longest = settings.max_frames // tokenizer.downsampling
    return [codes_SR[:longest] for codes_SR in encode_clips(tokenizer, left)]
