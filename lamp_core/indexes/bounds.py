"""Upper bounds of the scores of very many items, from weights in one byte each.

A word that a large share of the items has is stored for all of them, rounded up to one of 256 steps, and read
in the order of memory by torch's kernel for embeddings in bytes; a rarer word is added up from its postings.
No item scores more than its bound, so that exact scores are needed only of the few items whose bound reaches
the ``top``-th best score that is known. The search stays exact.

Shapes: N items, V vocabulary, Q words of a query, R frequent words, K blocks of items, L items a block.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_array
from torch import Tensor

BLOCK = 256
"""L."""
FREQUENT = 1 / 32
"""Share of the items above which a word is stored for all of them: by then its postings are not shorter."""
STEPS = 255
ROUNDING = 1e-5
"""Relative room for the rounding of float32, by which a bound may be too low."""
QUANTISED = 8
"""Bytes behind a block: its scale and its offset, float32 each."""


@dataclass(frozen=True)
class ScoreBounds:
    """The bounds of a segment of items.

    Args:
        columns: postings by word, (N, V).
        rows_V: row of each frequent word in ``bytes_RK``; -1 for a rare one.
        bytes_RK: weights of frequent words, (R K, L + 8), blocks of a word side by side.
    """

    columns: csc_array
    rows_V: np.ndarray
    bytes_RK: Tensor

    @classmethod
    def of(cls, columns: csc_array) -> "ScoreBounds":
        """Round the weights of frequent words up to bytes."""
        count = columns.shape[0]
        blocks = -(-count // BLOCK)
        frequent = np.flatnonzero(np.diff(columns.indptr) > FREQUENT * count)
        rows_V = np.full(columns.shape[1], -1, dtype=np.int64)
        rows_V[frequent] = np.arange(len(frequent))
        bytes_RKL = np.zeros((len(frequent), blocks, BLOCK + QUANTISED), dtype=np.uint8)
        for row_KL, word in zip(bytes_RKL, frequent, strict=True):
            start, end = columns.indptr[word : word + 2]
            weights = columns.data[start:end]
            step = np.float32(weights.max() / STEPS)
            of_all = np.zeros(blocks * BLOCK, dtype=np.uint8)
            of_all[columns.indices[start:end]] = np.ceil(weights / step).clip(max=STEPS)
            row_KL[:, :BLOCK] = of_all.reshape(blocks, BLOCK)
            row_KL[:, BLOCK : BLOCK + 4] = np.array([step], dtype=np.float32).view(np.uint8)
        return cls(columns, rows_V, torch.from_numpy(bytes_RKL.reshape(-1, BLOCK + QUANTISED)))

    @property
    def blocks(self) -> int:
        """K."""
        return -(-int(self.columns.shape[0]) // BLOCK)

    def bounds(self, words_Q: np.ndarray, weights_Q: np.ndarray) -> "Bounds":
        """The bounds of the products with a query of weights above 0."""
        is_frequent_Q = self.rows_V[words_Q] >= 0
        bounds_KL = self._of_frequent(self.rows_V[words_Q[is_frequent_Q]], weights_Q[is_frequent_Q])
        bounds_N = bounds_KL.view(-1)
        for word, weight in zip(words_Q[~is_frequent_Q], weights_Q[~is_frequent_Q], strict=True):
            start, end = self.columns.indptr[word : word + 2]
            having, weights = (part[start:end] for part in (self.columns.indices, self.columns.data))
            bounds_N.index_add_(0, torch.from_numpy(having), torch.from_numpy(weights), alpha=float(weight))
        return Bounds(bounds_KL)

    def _of_frequent(self, rows_Q: np.ndarray, weights_Q: np.ndarray) -> Tensor:
        if not len(rows_Q):
            return torch.zeros(self.blocks, BLOCK)
        # a bag a block: the rows of the query's words in it, summed with the query's weights
        first_Q = torch.from_numpy(rows_Q * self.blocks).int()
        rows_KQ = first_Q + torch.arange(self.blocks, dtype=torch.int32)[:, None]
        ends = torch.arange(0, rows_KQ.numel() + 1, len(rows_Q), dtype=torch.int32)
        weights_KQ = torch.from_numpy(weights_Q.astype(np.float32)).repeat(self.blocks)
        bounds_KL: Tensor = torch.ops.quantized.embedding_bag_byte_rowwise_offsets(
            self.bytes_RK, rows_KQ.flatten(), ends, False, 0, False, weights_KQ, None, True
        )
        return bounds_KL


class Bounds:
    """Bounds of the scores of all items for one query.

    Args:
        bounds_KL: 0 behind the last item.
    """

    def __init__(self, bounds_KL: Tensor) -> None:
        self.bounds_KL: np.ndarray = bounds_KL.numpy()
        self.best_K: np.ndarray = bounds_KL.amax(dim=1).numpy()

    def most_promising(self, top: int) -> np.ndarray:
        """Items whose exact scores give the first bound: the best of each of the ``top`` best blocks."""
        every = top >= len(self.best_K)
        blocks = np.arange(len(self.best_K)) if every else np.argpartition(-self.best_K, top)[:top]
        places: np.ndarray = blocks * BLOCK + self.bounds_KL[blocks].argmax(axis=1)
        return places

    def reaching(self, score: float) -> np.ndarray:
        """Items whose bound is at least a score, in their order."""
        least = score * (1 - ROUNDING)
        blocks = np.flatnonzero(self.best_K >= least)
        block, place = np.nonzero(self.bounds_KL[blocks] >= least)
        found: np.ndarray = blocks[block] * BLOCK + place
        return found
