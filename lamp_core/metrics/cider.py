"""CIDEr of captions (Vedantam et al. 2015)."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from lamp_core.errors import LampError
from lamp_core.metrics.captions import split_captions
from lamp_core.metrics.ngrams import LONGEST, NGrams, count_ngrams

SCALE = 10.0
LENGTH_DEVIATION = 6.0


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr (0..10) as COCO's evaluation code computes it: mean of `cider_of_each`."""
    return float(cider_of_each(captions, references).mean())


def cider_of_each(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr (N,) of each caption, 0..10, weighted by the references of all motions.

    The similarity of a caption and a reference is the mean over n = 1 to 4 of the cosine of their n-gram
    counts, weighted by log(N / d) with d of N motions having the n-gram in a reference; times 10, and the
    mean over the references. The code called CIDEr is in truth CIDEr-D without stems: counts of the caption
    above the reference's are cut, and exp(-(l - m)^2 / 72) punishes other lengths; it counts lengths in
    pairs of words.

    The papers print it times 100 (29.2 is 0.292).

    Args:
        captions: a caption a motion.
        references: the true captions of each motion, as many for each (see `three_references`).

    Raises:
        LampError: see `split_captions`, or a single motion: every weight is log 1 then.
    """
    caption_words, reference_words = split_captions(captions, references)
    if len(captions) < 2:
        raise LampError("CIDEr weighs n-grams by how many motions have them; it needs two motions, found 1")
    ngrams = count_ngrams(caption_words, reference_words)
    owners_M = ngrams[0].owners_M
    pairs_N, pairs_M = (
        np.asarray(counts.sum(axis=1)).ravel() for counts in (ngrams[1].captions_NG, ngrams[1].references_MG)
    )
    similarity_M = sum(map(_similarity, ngrams)) / LONGEST
    similarity_M = similarity_M * np.exp(-((pairs_N[owners_M] - pairs_M) ** 2) / (2 * LENGTH_DEVIATION**2))
    of_each_N: np.ndarray = SCALE * _sum_of_owners(similarity_M, owners_M) / np.bincount(owners_M)
    return of_each_N


def _similarity(ngrams: NGrams) -> np.ndarray:
    """Clipped cosine of each reference and its caption (M,), for n-grams of one length."""
    count = ngrams.captions_NG.shape[0]
    squared_weights_G = np.log(count / _motions_with(ngrams).clip(min=1.0)) ** 2
    captions_MG = ngrams.captions_NG[ngrams.owners_M]
    shared_MG = captions_MG.minimum(ngrams.references_MG).multiply(ngrams.references_MG)
    lengths_M = np.sqrt(
        (captions_MG.power(2) @ squared_weights_G) * (ngrams.references_MG.power(2) @ squared_weights_G)
    )
    shared_M = shared_MG @ squared_weights_G
    cosines_M: np.ndarray = np.divide(shared_M, lengths_M, out=np.zeros_like(shared_M), where=lengths_M > 0)
    return cosines_M


def _motions_with(ngrams: NGrams) -> np.ndarray:
    """Number of motions (G,) that have an n-gram in one of their references."""
    references, count = ngrams.references_MG, ngrams.captions_NG.shape[0]
    ones_M = np.ones(len(ngrams.owners_M))
    owned_NM = csr_matrix((ones_M, (ngrams.owners_M, np.arange(len(ones_M)))), shape=(count, len(ones_M)))
    return np.asarray(((owned_NM @ references) > 0).sum(axis=0)).ravel().astype(np.float64)


def _sum_of_owners(values_M: np.ndarray, owners_M: np.ndarray) -> np.ndarray:
    return np.bincount(owners_M, weights=values_M)
