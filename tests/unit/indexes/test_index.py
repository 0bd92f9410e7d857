import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from lamp_core.errors import LampError
from lamp_core.indexes import sparse_index as index_module
from lamp_core.indexes.bounds import BLOCK, ScoreBounds
from lamp_core.indexes.dense_index import DenseIndex
from lamp_core.indexes.sparse_index import MOST_SEGMENTS, SparseIndex, pruned

WIDTH = 40


def vectors(count: int, seed: int, words: int = 6) -> np.ndarray:
    """Unit vectors with a few weights each, some of them equal."""
    draws = np.random.default_rng(seed)
    made_NV = np.zeros((count, WIDTH), dtype=np.float32)
    for row_V in made_NV:
        row_V[draws.choice(WIDTH, words, replace=False)] = draws.integers(1, 5, words)
    return made_NV / np.linalg.norm(made_NV, axis=1, keepdims=True)


def best(matrix_NV: np.ndarray, query_V: np.ndarray, top: int) -> list[tuple[int, float]]:
    scores_N = matrix_NV.astype(np.float64) @ query_V
    order = sorted(range(len(scores_N)), key=lambda item: (-round(scores_N[item], 6), item))
    return [(item, scores_N[item]) for item in order[:top] if scores_N[item] > 1e-9]


@pytest.mark.parametrize("kind", [SparseIndex, DenseIndex])
@pytest.mark.parametrize("top", [1, 10, 500])
def test_search_is_exact(kind: type, top: int) -> None:
    matrix_NV = vectors(300, 0)
    index = kind(WIDTH)
    assert index.add(matrix_NV[:100]) == range(100)
    assert index.add(matrix_NV[100:]) == range(100, 300)
    for query_V in vectors(20, 1, words=4):
        expected = best(matrix_NV, query_V, top)
        found = [hit for hit in index.search(query_V, top) if hit.score > 1e-9]
        assert [hit.score for hit in found] == pytest.approx([score for _, score in expected], abs=1e-5)
        assert {hit.item for hit in found[:1]} <= {
            item for item, score in expected if score > expected[0][1] - 1e-5
        }


def test_a_dense_index_also_finds_what_points_away_and_a_sparse_one_only_what_shares_a_word() -> None:
    matrix_NV = np.array([[0, -1], [1, 0], [0, 1]], dtype=np.float32)
    query_V = np.array([0, 1], dtype=np.float32)
    dense, sparse = DenseIndex(2), SparseIndex(2)
    dense.add(matrix_NV)
    sparse.add(matrix_NV.clip(min=0))
    assert [(hit.item, hit.score) for hit in dense.search(query_V, 3)] == [(2, 1), (1, 0), (0, -1)]
    assert [(hit.item, hit.score) for hit in sparse.search(query_V, 3)] == [(2, 1)]


def frequent_and_rare(count: int, seed: int) -> csr_array:
    """Unit vectors of words that many items have and of words that few have; some items have none."""
    draws = np.random.default_rng(seed)
    shares_V = np.geomspace(0.9, 1 / count, WIDTH)
    made_NV = (draws.random((count, WIDTH)) < shares_V) * draws.exponential(1, (count, WIDTH))
    made_NV[::50] = 0
    return csr_array(made_NV / np.linalg.norm(made_NV, axis=1, keepdims=True).clip(1e-9), dtype=np.float32)


@pytest.mark.parametrize("words", [slice(0, 4), slice(WIDTH - 4, WIDTH), slice(0, WIDTH, 3)])
def test_no_item_scores_above_its_bound(words: slice) -> None:
    columns = csc_array(frequent_and_rare(3 * BLOCK + 7, 0))
    made = ScoreBounds.of(columns)
    assert 0 < (made.rows_V >= 0).sum() < WIDTH
    asked = np.arange(WIDTH)[words]
    weights_Q = np.linspace(0.1, 1, len(asked)).astype(np.float32)
    exact_N = columns[:, asked].toarray().astype(np.float64) @ weights_Q
    bounds_N = made.bounds(asked, weights_Q).bounds_KL.reshape(-1)
    assert (bounds_N[: len(exact_N)] >= exact_N * (1 - 1e-5)).all()
    assert (bounds_N[: len(exact_N)] <= exact_N + weights_Q.sum() / 200).all()
    assert not bounds_N[len(exact_N) :].any()


@pytest.mark.parametrize("top", [1, 10, 1000])
def test_bounds_find_what_sums_find(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = frequent_and_rare(20 * BLOCK, 1)
    summed, bounded = SparseIndex(WIDTH), SparseIndex(WIDTH)
    for index in (summed, bounded):
        index.add(rows[: 18 * BLOCK])
        index.add(rows[18 * BLOCK :])
        index.remove(range(0, 20 * BLOCK, 7))
    queries_QV = frequent_and_rare(40, 2).toarray()
    rare_V = np.eye(WIDTH, dtype=np.float32)[WIDTH - 1]
    found = [summed.search(query_V, top, ((3,),)) for query_V in (*queries_QV[1:], rare_V)]
    monkeypatch.setattr(index_module, "VERY_MANY", 10 * BLOCK)
    for hits, query_V in zip(found, (*queries_QV[1:], rare_V), strict=True):
        others = bounded.search(query_V, top, ((3,),))
        assert [hit.score for hit in others] == pytest.approx([hit.score for hit in hits], abs=1e-6)
        clear = {hit.item for hit in hits if hit.score > hits[-1].score + 1e-6}
        assert clear <= {hit.item for hit in others}
        assert all(hit.item % 7 and 3 not in hit.shares for hit in others)


@pytest.mark.parametrize("kind", [SparseIndex, DenseIndex])
def test_items_come_and_go_without_a_rebuild(kind: type) -> None:
    matrix_NV = vectors(60, 2)
    index = kind(WIDTH)
    for start in range(0, 60, 4):  # more parts than segments are kept
        index.add(matrix_NV[start : start + 4])
    gone = list(range(0, 60, 3))
    index.remove(gone)
    assert len(index) == 40
    left_NV = matrix_NV.copy()
    left_NV[gone] = 0
    for query_V in vectors(10, 3, words=4):
        scores = [hit.score for hit in index.search(query_V, 10) if hit.score > 1e-9]
        assert scores == pytest.approx([score for _, score in best(left_NV, query_V, 10)], abs=1e-5)
        assert not {hit.item for hit in index.search(query_V, 60)} & set(gone)
    with pytest.raises(LampError, match="the index has no item 3; it was removed, or never added"):
        index.remove([1, 3])
    assert len(index) == 40
    with pytest.raises(LampError, match="do not fit an index of 40"):
        index.add(np.ones((1, 3), dtype=np.float32))


def test_segments_stay_few() -> None:
    index = SparseIndex(WIDTH)
    for seed in range(3 * MOST_SEGMENTS):
        index.add(vectors(2, seed))
    assert len(index.segments) <= MOST_SEGMENTS
    assert len(index) == 6 * MOST_SEGMENTS


def test_every_hit_says_what_each_word_gave() -> None:
    index = SparseIndex(4)
    index.add(np.array([[0.8, 0.6, 0, 0], [0, 0, 1, 0], [0.6, 0, 0.8, 0]], dtype=np.float32))
    first, second, third = index.search(np.array([1, 0.5, 0.25, 0], dtype=np.float32), 10)
    assert (first.item, second.item, third.item) == (0, 2, 1)
    assert first.shares == pytest.approx({0: 0.8, 1: 0.3})
    assert sum(second.shares.values()) == pytest.approx(second.score)


def test_excluded_words_pass_over_their_items() -> None:
    index = SparseIndex(3)
    index.add(np.array([[1, 1, 0], [1, 0, 0]], dtype=np.float32))
    assert [hit.item for hit in index.search(np.array([1, 0, 0], np.float32), 5, without=[(1,)])] == [1]
    dense = DenseIndex(3)
    dense.add(np.eye(3, dtype=np.float32))
    with pytest.raises(LampError, match="dense vectors have no words to exclude"):
        dense.search(np.ones(3, np.float32), 2, without=[(1,)])


PIECES_OF_ONE = (1, 3)
"""A word in two pieces; item 1 has both, 2 and 3 one each."""


@pytest.fixture
def in_pieces() -> SparseIndex:
    index = SparseIndex(4)
    rows = np.array([[1, 0, 0, 0], [0.5, 0.7, 0, 0.3], [0.6, 0.9, 0, 0], [0.4, 0, 0, 0.9]], dtype=np.float32)
    index.add(rows[:2])
    index.add(rows[2:])
    return index


def test_a_word_in_pieces_hides_what_has_all_of_them(in_pieces: SparseIndex) -> None:
    query_V = np.array([1, 0, 0, 0], np.float32)
    assert [hit.item for hit in in_pieces.search(query_V, 9, [PIECES_OF_ONE])] == [0, 2, 3]
    assert [hit.item for hit in in_pieces.search(query_V, 9, [PIECES_OF_ONE, (3,)])] == [0, 2]
    assert [hit.item for hit in in_pieces.search(query_V, 9, [(2, 3)])] == [0, 2, 1, 3]


@pytest.mark.parametrize("very_many", [1, index_module.VERY_MANY])
def test_a_word_in_pieces_scores_what_has_all_of_them(
    in_pieces: SparseIndex, very_many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "VERY_MANY", very_many)
    (alone,) = in_pieces.search(np.zeros(4, np.float32), 9, together={PIECES_OF_ONE: 2.0})
    assert (alone.item, alone.shares) == (1, {})
    assert alone.together == pytest.approx({PIECES_OF_ONE: 0.6})
    found = in_pieces.search(np.array([1, 0, 0, 0], np.float32), 9, together={PIECES_OF_ONE: 2.0})
    assert [hit.item for hit in found] == [1, 0, 2, 3]
    assert found[0].score == pytest.approx(1.1)
    assert sum([*found[0].shares.values(), *found[0].together.values()]) == pytest.approx(found[0].score)


def test_an_empty_index_finds_nothing() -> None:
    assert SparseIndex(3).search(np.ones(3, np.float32), 5) == []
    assert DenseIndex(3).search(np.ones(3, np.float32), 5) == []


def test_the_largest_weights_are_kept() -> None:
    rows = pruned(np.array([[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 5.0]]), 2)
    assert isinstance(rows, csr_array)
    assert rows.toarray().tolist() == [[3, 0, 0, 2], [0, 0, 0, 5]]
    assert pruned(np.ones((1, 3)), 9).nnz == 3
