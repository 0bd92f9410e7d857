"""Motions that are read from one of their first frames: of one clip, as many sequences of codes.

A token is a window of frames, so that a clip without its first frame has other codes throughout.
Shapes: T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from lamp_core.config.large_motion import LargeMotion
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.protocol import MotionTokenizer

MOTIONS_TOGETHER = 256
"""Motions whose features are in memory at once."""


def from_more_starts(
    motions: Sequence[SpokenMotion],
    features: Iterable[np.ndarray],
    tokenizer: MotionTokenizer,
    settings: LargeMotion,
) -> list[SpokenMotion]:
    """Return the motions with the codes that they have from later first frames (*switch* ``starts``).

    Args:
        motions: with the codes from their first frames.
        features: of each, normalised (T, D); read as they are needed.
        tokenizer: of the codes.
        settings: how many first frames there are, and the longest motion.
    """
    pairs, found = zip(motions, features, strict=True), list[SpokenMotion]()
    while together := list(islice(pairs, MOTIONS_TOGETHER)):
        whole = [motion_TD for _, motion_TD in together]
        later = [_codes_from(start, whole, tokenizer, settings) for start in range(1, settings.starts)]
        for (motion, _), *codes in zip(together, *later, strict=True):
            found.append(replace(motion, begun_later=tuple(codes)))
    return found


def _codes_from(
    start: int, features: Sequence[np.ndarray], tokenizer: MotionTokenizer, settings: LargeMotion
) -> list[np.ndarray]:
    """Codes (S, R) of motions without their first frames; with them where no token would be left."""
    shortest = start + tokenizer.downsampling
    left = [motion_TD[start if len(motion_TD) >= shortest else 0 :] for motion_TD in features]
    longest = settings.max_frames // tokenizer.downsampling
    return [codes_SR[:longest] for codes_SR in encode_clips(tokenizer, left)]
