"""BLEU of a set of captions (Papineni et al. 2002)."""

import math
from collections.abc import Sequence

import numpy as np

from lamp_core.metrics.captions import split_captions
from lamp_core.metrics.ngrams import LONGEST, count_ngrams, largest_of_owners


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[int, float]:
    """BLEU-1 to BLEU-4 (0..1) of all captions together, by the length of the longest n-gram.

    BLEU-n is the geometric mean of the shares of n-grams of length 1 to n that stand in a reference, each
    counted at most as often as in the reference that has it most, times the penalty exp(1 - r / c) when the
    captions' c words are fewer than the r of the references of nearest length (the shorter one of two).
    Not smoothed: without one matching n-gram it is 0.

    Args:
        captions: a caption a motion.
        references: the true captions of each motion, see `three_references`.

    Raises:
        LampError: see `split_captions`.
    """
    caption_words, reference_words = split_captions(captions, references)
    shares = []
    for ngrams in count_ngrams(caption_words, reference_words):
        largest_NG = largest_of_owners(ngrams.references_MG, ngrams.owners_M, len(captions))
        found, all_ngrams = ngrams.captions_NG.minimum(largest_NG).sum(), ngrams.captions_NG.sum()
        shares.append(found / all_ngrams if all_ngrams else 0.0)
    words = sum(map(len, caption_words))
    nearest = sum(
        min((abs(len(reference) - len(caption)), len(reference)) for reference in listed)[1]
        for caption, listed in zip(caption_words, reference_words, strict=True)
    )
    penalty = math.exp(min(0.0, 1.0 - nearest / words)) if words else 0.0
    with np.errstate(divide="ignore"):
        logarithms = np.cumsum(np.log(shares)) / np.arange(1, LONGEST + 1)
    return {length: penalty * math.exp(mean) for length, mean in enumerate(logarithms, start=1)}
