"""How a motion is written: which word stands at each place behind the delimiter that begins it.

The word of length says how many motion tokens are still to come. It stands in front of the first token, and
again in front of every ``length_every``-th, so that a model knows how far a pose is that it was told of.
Shapes: P places, S motion tokens, R channels.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lamp_core.motion_language.vocabulary import MotionVocabulary

FREE = -1
"""In place of a word that is not fixed, or of a code that is not forced."""


@dataclass(frozen=True)
class Layout:
    """The places of a motion.

    Args:
        words_P: delimiters and words of length; FREE where a code stands.
        tokens_P: motion token of that code; FREE elsewhere.
        channels_P: its channel; FREE elsewhere.
    """

    words_P: np.ndarray
    tokens_P: np.ndarray
    channels_P: np.ndarray

    def written(self, ids_SR: np.ndarray) -> np.ndarray:
        """The words (P,) of a motion whose codes are these words."""
        words_P = self.words_P.copy()
        is_code_P = words_P == FREE
        words_P[is_code_P] = ids_SR[self.tokens_P[is_code_P], self.channels_P[is_code_P]]
        return words_P


@lru_cache(maxsize=1024)
def layout_of(known: MotionVocabulary, tokens: int) -> Layout:
    """The places of a motion of some tokens, its first delimiter left out."""
    places: list[tuple[int, int, int]] = []
    for part, (opens, closes) in enumerate(zip(known.opens, known.closes, strict=True)):
        if part:
            places.append((opens, FREE, FREE))
        channels = range(len(known.channels)) if known.layout == "interleaved" else (part,)
        for token in range(tokens):
            if says_length(known, part, token):
                places.append((known.length(tokens - token), FREE, FREE))
            places += [(FREE, token, channel) for channel in channels]
        places.append((closes, FREE, FREE))
    words_P, tokens_P, channels_P = np.array(places).T
    return Layout(words_P, tokens_P, channels_P)


def says_length(known: MotionVocabulary, part: int, token: int) -> bool:
    """Whether a word of length stands in front of a token of a part."""
    if known.length_every:
        return token % known.length_every == 0
    return part == token == 0
