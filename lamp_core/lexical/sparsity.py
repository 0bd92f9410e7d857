"""What it costs to keep fewer words of a vector: recall and time by how many are kept.

Shapes: N items, V vocabulary.
"""

import time

import numpy as np

from lamp_core.indexes.sparse_index import SparseIndex, pruned
from lamp_core.metrics.recall import places, recall

PRUNED_TO = (4, 8, 16, 32, 64, 128, 256)
TOP = 10


def sparsity(queries_NV: np.ndarray, motions_NV: np.ndarray) -> list[dict[str, float]]:
    """Recall of both directions and milliseconds a query, by the words that motion and query keep.

    Args:
        queries_NV: unit vectors of a text of each motion.
        motions_NV: unit vectors of the motions.
    """
    rows: list[dict[str, float]] = []
    for kept in PRUNED_TO:
        if kept > motions_NV.shape[1]:
            break
        motions, queries = pruned(motions_NV, kept), pruned(queries_NV, kept).toarray()
        similarity_NN = queries @ motions.toarray().T
        by_text, by_motion = recall(places(similarity_NN)), recall(places(similarity_NN.T))
        index = SparseIndex(motions_NV.shape[1])
        index.add(motions)
        began = time.perf_counter()
        for query_V in queries:
            index.search(query_V, TOP)
        seconds = (time.perf_counter() - began) / len(queries)
        rows.append(
            {
                "terms": kept,
                "text_to_motion_r1": by_text.at[1],
                "text_to_motion_r10": by_text.at[10],
                "motion_to_text_r1": by_motion.at[1],
                "motion_to_text_r10": by_motion.at[10],
                "query_ms": 1000 * seconds,
            }
        )
    return rows
