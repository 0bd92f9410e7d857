"""How fast motions are found among many: ``python -m benchmarks.lexical``.

Motions of some 50 words of a vocabulary of 1,000, drawn by Zipf's law; queries of 16 words, those of a motion
with other weights. The reference, timed in the same run, is exact search in a matrix of dense vectors of
width 128. One thread.
Shapes: N items, V vocabulary, Q queries.
"""

import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from lamp_core.indexes.dense_index import DenseIndex
from lamp_core.indexes.index import Index
from lamp_core.indexes.sparse_index import VERY_MANY, SparseIndex

SIZES = (1_000, 100_000, 1_000_000)
VOCABULARY, DRAWN, EXPONENT = 1_000, 64, 0.9
QUERIES, QUERY_WORDS, TOP, WIDTH = 200, 16, 10, 128


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, float]:
    """Median and 99th percentile of a query, queries a second and memory, by size and kind of index."""
    torch.set_num_threads(1)
    measured: dict[str, float] = {}
    for size in sizes:
        rows = words_of(size)
        queries_QV = queries_of(rows)
        sparse = SparseIndex(VOCABULARY)
        sparse.add(rows)
        name = f"index_{size}"
        measured |= _times(f"{name}/sparse", sparse, queries_QV)
        measured[f"{name}/sparse_megabytes"] = _megabytes(sparse)
        del rows
        draws = np.random.default_rng(0)
        dense = DenseIndex(WIDTH)
        dense.add(draws.standard_normal((size, WIDTH), dtype=np.float32))
        measured |= _times(f"{name}/dense", dense, draws.standard_normal((50, WIDTH), dtype=np.float32))
        measured[f"{name}/dense_megabytes"] = size * WIDTH * 4 / 2**20
    measured["index_peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return measured


def words_of(count: int) -> csr_array:
    """Weights of words (N, V), rows of length one; the same in every run."""
    draws = np.random.default_rng(0)
    shares_V = 1 / np.arange(1, VOCABULARY + 1) ** EXPONENT
    words = draws.choice(VOCABULARY, (count, DRAWN), p=shares_V / shares_V.sum()).astype(np.int32)
    weights = draws.exponential(1.0, (count, DRAWN)).astype(np.float32)
    starts = np.arange(0, count * DRAWN + 1, DRAWN)
    rows = csr_array((weights.ravel(), words.ravel(), starts), shape=(count, VOCABULARY))
    rows.sum_duplicates()
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    rows.data /= np.repeat(norms, np.diff(rows.indptr)).astype(np.float32)
    return rows


def queries_of(rows: csr_array) -> np.ndarray:
    """Queries (Q, V) of the heaviest words of some items, with other weights."""
    draws = np.random.default_rng(1)
    queries_QV = np.zeros((QUERIES, VOCABULARY), dtype=np.float32)
    for query_V, item in zip(queries_QV, draws.integers(0, rows.shape[0], QUERIES), strict=True):
        start, end = rows.indptr[item : item + 2]
        heaviest = rows.indices[start:end][np.argsort(-rows.data[start:end])[:QUERY_WORDS]]
        query_V[heaviest] = draws.exponential(1.0, len(heaviest)) + 0.05
        query_V /= np.linalg.norm(query_V)
    return queries_QV


def _times(name: str, index: Index, queries_QV: np.ndarray) -> dict[str, float]:
    taken = _seconds(lambda query_V: index.search(query_V, TOP), queries_QV)
    return {
        f"{name}_median_ms": 1000 * float(np.median(taken)),
        f"{name}_p99_ms": 1000 * float(np.percentile(taken, 99)),
        f"{name}_queries_a_second": 1 / float(np.mean(taken)),
    }


def _seconds(search: Callable[[np.ndarray], Any], queries_QV: np.ndarray) -> list[float]:
    for query_V in queries_QV[:5]:
        search(query_V)
    taken = []
    for query_V in queries_QV:
        began = time.perf_counter()
        search(query_V)
        taken.append(time.perf_counter() - began)
    return taken


def _megabytes(index: SparseIndex) -> float:
    columns = [segment.columns for segment in index.segments]
    parts = [part for column in columns for part in (column.data, column.indices, column.indptr)]
    parts += [segment.score_bounds.bytes_RK for segment in index.segments if len(segment) >= VERY_MANY]
    return sum(part.nbytes for part in parts) / 2**20


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
