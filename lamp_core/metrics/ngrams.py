"""Counts of n-grams as sparse matrices, a row a sentence.

Shapes: N captions, M references of all captions, G different n-grams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.sparse import csr_matrix

from lamp_core.metrics.captions import Words

LONGEST = 4


@dataclass(frozen=True)
class NGrams:
    """N-grams of one length in captions and references, in columns that both share.

    Args:
        captions_NG: how often each stands in each caption.
        references_MG: and in each reference, the references of one caption after those of another.
        owners_M: caption that each reference belongs to.
    """

    captions_NG: csr_matrix
    references_MG: csr_matrix
    owners_M: np.ndarray


def count_ngrams(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[NGrams]:
    """Count the n-grams of length 1 to 4."""
    sentences = [*captions, *chain.from_iterable(references)]
    owners_M = np.repeat(np.arange(len(captions)), [len(listed) for listed in references])
    lengths = np.array([len(sentence) for sentence in sentences])
    vocabulary: dict[str, int] = {}
    words = np.array(
        [vocabulary.setdefault(word, len(vocabulary)) for word in chain.from_iterable(sentences)],
        dtype=np.int64,
    )
    rows = np.repeat(np.arange(len(sentences)), lengths)
    words_left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(words))
    counted, ngrams = [], words
    for length in range(1, LONGEST + 1):
        starts = np.flatnonzero(words_left >= length)
        if length > 1:
            # A longer n-gram is the n-gram before and the word that follows it, as one number.
            pairs = ngrams[starts] * len(vocabulary) + words[starts + length - 1]
            ngrams = np.zeros(len(words), dtype=np.int64)
            ngrams[starts] = np.unique(pairs, return_inverse=True)[1]
        columns = ngrams[starts]
        shape = (len(sentences), int(columns.max(initial=0)) + 1)
        counts = csr_matrix((np.ones(len(starts)), (rows[starts], columns)), shape=shape)
        counts.sum_duplicates()
        counted.append(NGrams(counts[: len(captions)], counts[len(captions) :], owners_M))
    return counted


def largest_of_owners(counts_MG: csr_matrix, owners_M: np.ndarray, count: int) -> csr_matrix:
    """Return the largest count of each n-gram among the rows of each of ``count`` owners."""
    entries = counts_MG.tocoo()
    keys = owners_M[entries.row] * counts_MG.shape[1] + entries.col
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    largest = np.maximum.reduceat(entries.data[order], starts) if len(starts) else entries.data
    rows, columns = np.divmod(keys[order][starts], counts_MG.shape[1])
    return csr_matrix((largest, (rows, columns)), shape=(count, counts_MG.shape[1]))
