"""Captions against reference captions: what is compared, and all scores of words together.

Every score reads the raw caption, no lemmas, as lower-case words and numbers without punctuation; that is
how the reference implementation of ROUGE reads text, and close to how captions of images are read. An empty
caption counts as an item that scores nothing.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from lamp_core.errors import LampError

REFERENCES = 3
WORD = re.compile(r"[^\W_]+")

Words = list[str]


def caption_words(caption: str) -> Words:
    """Return the words and numbers of a caption, lower case, without punctuation."""
    return WORD.findall(caption.lower())


def three_references(captions: Sequence[str]) -> list[str]:
    """Return the first three captions of a motion, repeated from the first when there are fewer.

    The repetition moves CIDEr and the idf weights of BERTScore, which is why the field's protocol fixes it.

    Raises:
        LampError: there is no caption, or only empty ones; empty ones are no references.
    """
    known = [caption for caption in captions if caption.strip()]
    if not known:
        raise LampError(
            f"{len(captions)} captions of a motion of which none has a word; nothing to compare with"
        )
    return [known[place % len(known)] for place in range(REFERENCES)]


def empty_captions(captions: Sequence[str]) -> int:
    """Return how many captions have no word."""
    return sum(not caption_words(caption) for caption in captions)


def mean_words(captions: Sequence[str]) -> float:
    """Return the mean number of words of a caption (Length of MotionGPT-2's table IV).

    Raises:
        LampError: there is no caption.
    """
    if not captions:
        raise LampError("the length of captions needs at least one caption, found none")
    return sum(len(caption_words(caption)) for caption in captions) / len(captions)


def novel_captions(captions: Sequence[str], training: Iterable[str]) -> np.ndarray:
    """Which captions (bool, N) stand word for word in none of the training captions.

    An empty caption is not novel.
    """
    known = {tuple(caption_words(caption)) for caption in training} | {()}
    return np.array([tuple(caption_words(caption)) not in known for caption in captions], dtype=bool)


def split_captions(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[Words], list[list[Words]]]:
    """Return the words of captions and of their references.

    Raises:
        LampError: no captions, not as many lists of references, or a list without a word.
    """
    if len(captions) != len(references) or not captions:
        raise LampError(
            f"{len(captions)} captions and {len(references)} lists of references; there have to be as many, "
            "at least one"
        )
    words = [[caption_words(reference) for reference in listed] for listed in references]
    for place, listed in enumerate(words):
        if not any(listed):
            raise LampError(
                f"caption {place} has no reference with a word; leave the motion out and count it"
            )
    return [caption_words(caption) for caption in captions], words
