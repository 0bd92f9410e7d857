import numpy as np

from lamp_core.lexical.sparsity import sparsity
from lamp_core.lexical.vectors import units


def test_recall_grows_with_the_words_that_are_kept() -> None:
    """The four heaviest words are those of twenty motions; the fifth tells which one it is."""
    places_N = np.arange(40)
    weights_NV = np.zeros((40, 60))
    weights_NV[places_N, places_N // 20] = 9.0
    for word in range(2, 5):
        weights_NV[:, word] = 5.0
    weights_NV[places_N, 10 + places_N] = 3.0
    rows = sparsity(units(weights_NV), units(weights_NV))
    assert [row["terms"] for row in rows] == [4, 8, 16, 32]  # no more than there are
    recall = [row["text_to_motion_r10"] for row in rows]
    assert recall[0] < recall[1] == recall[2] == recall[3]
    assert all(row["query_ms"] > 0 for row in rows)
