import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamp_core.errors import LampError
from lamp_core.metrics.recall import (
    Places,
    chance_recall,
    far_apart,
    places,
    ranks,
    recall,
    recall_in_batches,
    right_counts,
    same_caption,
    scaled_cosine,
    shared_share,
    similar_caption,
)


def brute_force_rank(similarities, right):
    """Mean place of the first right item over all orders of the items, stably sorted by similarity."""
    places = []
    for order in itertools.permutations(range(len(similarities))):
        ranked = sorted(order, key=lambda item: -similarities[item])
        places.append(1 + min(ranked.index(item) for item in right))
    return np.mean(places)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=5, max_size=5))
def test_ranks_with_ties_are_those_of_all_orders(values):
    similarity = np.array(values, dtype=np.float32)
    expected = [brute_force_rank(similarity[query], [query]) for query in range(5)]
    np.testing.assert_allclose(ranks(similarity), expected)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=5, max_size=5),
    st.lists(st.sampled_from("ab"), min_size=5, max_size=5),
)
def test_ranks_of_the_first_right_item_are_those_of_all_orders(values, captions):
    similarity = np.array(values, dtype=np.float32)
    right = [[item for item in range(5) if captions[item] == captions[query]] for query in range(5)]
    expected = [brute_force_rank(similarity[query], right[query]) for query in range(5)]
    np.testing.assert_allclose(ranks(similarity, same_caption(captions)), expected)


def test_ranks_are_those_of_a_sort_over_several_chunks_in_both_directions():
    similarity = np.random.default_rng(0).normal(size=(700, 700))
    for matrix in (similarity, similarity.T):
        order = np.argsort(-matrix, axis=1)
        expected = 1 + np.argmax(order == np.arange(700)[:, None], axis=1)
        np.testing.assert_array_equal(ranks(matrix), expected)


def test_equal_similarities_rank_in_the_middle():
    np.testing.assert_array_equal(ranks(np.ones((9, 9))), np.full(9, 5.0))


def test_the_order_of_the_items_does_not_matter():
    draws = np.random.default_rng(0)
    similarity = draws.integers(0, 9, size=(50, 50)).astype(float)
    order = draws.permutation(50)
    np.testing.assert_array_equal(ranks(similarity)[order], ranks(similarity[np.ix_(order, order)]))


@pytest.mark.parametrize("place", [(3, 3), (3, 5)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_never_ranked(place, value):
    similarity = np.eye(8)
    similarity[place] = value
    with pytest.raises(LampError, match="1 of 8 queries have similarities that are not finite"):
        ranks(similarity)


def test_large_finite_similarities_are_not_taken_for_broken():
    assert (ranks(np.eye(4, dtype=np.float32) * np.float32(3e38)) == 1).all()


def test_what_cannot_be_ranked_is_named():
    with pytest.raises(LampError, match=r"shape \(3, 4\)"):
        ranks(np.zeros((3, 4)))
    with pytest.raises(LampError, match="at least one"):
        ranks(np.zeros((0, 0)))
    with pytest.raises(LampError, match="at least one query"):
        recall(Places(*np.empty((3, 0))))


def untied(ranks_N):
    """Places of queries without ties."""
    ranks_N = np.asarray(ranks_N)
    return Places(ranks_N - 1, np.zeros_like(ranks_N), np.ones_like(ranks_N))


def test_recall_counts_in_per_cent_from_rank_one():
    found = recall(untied([1, 2, 2, 3, 11]), at=(1, 2, 3, 10))
    assert found.at == pytest.approx({1: 20.0, 2: 60.0, 3: 80.0, 10: 80.0})
    assert found.median_rank == 2.0


def brute_force_recall(similarities, right, k):
    """Share of all orders of the items, sorted by similarity, that put a right one among the first k."""
    hits = []
    for order in itertools.permutations(range(len(similarities))):
        ranked = sorted(order, key=lambda item: -similarities[item])
        hits.append(bool(set(right) & set(ranked[:k])))
    return np.mean(hits)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=5, max_size=5),
    st.lists(st.sampled_from("ab"), min_size=5, max_size=5),
)
def test_recall_with_many_ties_is_the_share_of_all_orders(values, captions):
    similarity = np.array(values, dtype=np.float32)
    right = [[item for item in range(5) if captions[item] == captions[query]] for query in range(5)]
    alone = recall(places(similarity), at=(1, 2, 3)).at
    several = recall(places(similarity, same_caption(captions)), at=(1, 2, 3)).at
    for k in (1, 2, 3):
        of_one = [brute_force_recall(similarity[query], [query], k) for query in range(5)]
        of_several = [brute_force_recall(similarity[query], right[query], k) for query in range(5)]
        assert alone[k] == pytest.approx(100 * np.mean(of_one))
        assert several[k] == pytest.approx(100 * np.mean(of_several))


def test_as_published_the_mean_rank_decides():
    """TMR's code: the mean place from 0 of the items at the query's distance is under k."""
    similarity = np.random.default_rng(3).integers(0, 6, size=(40, 40)).astype(float)
    expected = {}
    for k in (1, 2, 3, 5, 10):
        hits = []
        for query, row in enumerate(similarity):
            order = np.argsort(-row, kind="stable")
            hits.append(np.mean(np.flatnonzero(row[order] == row[query])) < k)
        expected[k] = 100 * np.mean(hits)
    published = recall(places(similarity), counting="published").at
    assert published == pytest.approx(expected)
    assert published != recall(places(similarity)).at


def test_equal_similarities_are_chance_by_expectation_alone():
    found = {rule: recall(places(np.ones((20, 20))), counting=rule).at for rule in ("unbiased", "published")}
    assert found["unbiased"] == pytest.approx({k: 5.0 * k for k in (1, 2, 3, 5, 10)})
    assert found["published"] == {1: 0.0, 2: 0.0, 3: 0.0, 5: 0.0, 10: 100.0}


def test_batches_are_those_of_a_loop():
    similarity = np.random.default_rng(0).integers(0, 30, size=(75, 75)).astype(float)
    found = recall_in_batches(similarity, np.random.default_rng(4), counting="published")
    order = np.random.default_rng(4).permutation(75)[:64].reshape(2, 32)
    parts = [places(similarity[np.ix_(batch, batch)]) for batch in order]
    joined = Places(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("better_N", "wrong_N", "right_N")
        )
    )
    assert found == recall(joined, counting="published")
    assert recall_in_batches(similarity, np.random.default_rng(4)).queries == 75
    with pytest.raises(LampError, match="20 items are fewer than a batch of 32"):
        recall_in_batches(similarity[:20, :20], np.random.default_rng(0))


def test_similar_captions_count_as_right():
    sentence = np.array([[1.0, 0.96, 0.5], [0.96, 1.0, 0.5], [0.5, 0.5, 0.9]])
    right = similar_caption(sentence, 0.95)
    np.testing.assert_array_equal(right(slice(0, 3)), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    with pytest.raises(LampError, match=r"0\.\.1"):
        similar_caption(np.array([[1.0, -0.5], [-0.5, 1.0]]))


def test_scaled_cosine_is_between_zero_and_one():
    similarity = scaled_cosine(np.array([[1.0, 0], [0, 2], [-3, 0]]))
    np.testing.assert_allclose(similarity, [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]])


def test_share_of_queries_with_the_same_text():
    counts = right_counts(same_caption(["a", "b", "a", "c"]), 4)
    np.testing.assert_array_equal(counts, [2, 1, 2, 1])
    assert shared_share(counts) == 0.5


def test_chance_in_closed_form_is_the_uniform_rank():
    found = chance_recall(np.ones(40), 40)
    assert found.at == pytest.approx({k: 100 * k / 40 for k in (1, 2, 3, 5, 10)})
    assert found.median_rank == 20.5


def test_chance_with_several_right_items_is_that_of_random_similarities():
    captions = list("aaabbcdefghijklmnopq")
    right, draws = same_caption(captions), np.random.default_rng(0)
    trials = np.concatenate([ranks(draws.normal(size=(20, 20)), right) for _ in range(2000)])
    found = chance_recall(right_counts(right, 20), 20)
    for k, share in found.at.items():
        assert share == pytest.approx(100 * (trials <= k).mean(), abs=1.0)
    assert found.median_rank == pytest.approx(np.median(trials), abs=0.5)


def test_chance_in_a_gallery_smaller_than_k_is_certain():
    assert chance_recall(np.ones(4), 4).at[10] == 100.0


def test_a_gallery_of_ten_thousand_takes_seconds():
    similarity = np.random.default_rng(0).random((10_000, 10_000), dtype=np.float32)
    start = time.perf_counter()
    found = recall(places(similarity, same_caption([str(item // 2) for item in range(10_000)])))
    assert time.perf_counter() - start < 20.0
    assert found.queries == 10_000


def test_texts_far_apart_are_those_of_a_plain_search():
    embeddings = np.random.default_rng(0).normal(size=(40, 3))
    similarity = scaled_cosine(embeddings)
    chosen = [int(np.argmin(similarity.mean(axis=1)))]
    while len(chosen) < 7:
        rest = [place for place in range(40) if place not in chosen]
        chosen.append(min(rest, key=lambda place: (max(similarity[place, other] for other in chosen), place)))
    assert far_apart(similarity, 7).tolist() == sorted(chosen)


def test_texts_far_apart_are_no_more_than_there_are_different_ones():
    embeddings = np.repeat(np.eye(4), 5, axis=0)
    assert far_apart(scaled_cosine(embeddings), 10).tolist() == [0, 5, 10, 15]
    assert far_apart(np.ones((3, 3)), 2).tolist() == [0]
