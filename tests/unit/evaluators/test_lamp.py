"""LaMP as evaluator, against a loop over queries, texts and motions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamp_core.errors import LampError
from lamp_core.evaluators.lamp import LampEvaluator, query_distances


class NoModel:
    """Scores need none."""


EVALUATOR = LampEvaluator(NoModel(), NoModel())


def unit(draws, *shape):
    vectors = draws.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def embeddings(seed, count=12, queries=3, width=5):
    draws = np.random.default_rng(seed)
    return unit(draws, count, width), unit(draws, count, queries, width)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_distance_is_that_of_the_best_query(seed):
    texts, motions = embeddings(seed)
    found = query_distances(texts, motions)
    for text in range(12):
        for motion in range(12):
            cosines = [float(texts[text].astype(np.float64) @ query) for query in motions[motion]]
            assert found[text, motion] == pytest.approx(math.sqrt(max(0.0, 2 - 2 * max(cosines))), abs=2e-3)


def test_scores_are_those_of_a_loop():
    texts, motions = embeddings(3, count=20)
    found = EVALUATOR.matching_scores(texts, motions, np.random.default_rng(5), 4)
    order = np.random.default_rng(5).permutation(20).reshape(5, 4)
    hits, distances = {1: 0, 2: 0, 3: 0}, []
    for group in order:
        for text in group:
            of_batch = sorted(
                (math.sqrt(max(0.0, 2 - 2 * max(texts[text] @ query for query in motions[motion]))), motion)
                for motion in group
            )
            rank = [motion for _, motion in of_batch].index(text)
            distances.append(of_batch[rank][0])
            for k in hits:
                hits[k] += rank < k
    assert found.r_precision == pytest.approx({k: count / 20 for k, count in hits.items()})
    assert found.mm_distance == pytest.approx(np.mean(distances), abs=1e-4)


def test_a_perfect_model_is_perfect_and_equal_embeddings_are_chance():
    motions = embeddings(1, count=16, width=32)[1]
    perfect = EVALUATOR.matching_scores(motions[:, 1], motions, np.random.default_rng(0), 8)
    assert perfect.r_precision == {1: 1.0, 2: 1.0, 3: 1.0}
    assert perfect.mm_distance == pytest.approx(0.0, abs=1e-3)
    same = np.broadcast_to(motions[:1], motions.shape).copy()
    chance = EVALUATOR.matching_scores(same[:, 0], same, np.random.default_rng(0), 8)
    assert chance.r_precision == pytest.approx({1: 1 / 8, 2: 2 / 8, 3: 3 / 8})


def test_the_order_of_the_queries_does_not_matter():
    texts, motions = embeddings(2)
    np.testing.assert_array_equal(
        query_distances(texts, motions), query_distances(texts, motions[:, ::-1].copy())
    )


def test_what_cannot_be_scored_is_named():
    texts, motions = embeddings(0)
    draws = np.random.default_rng(0)
    broken = motions.copy()
    broken[4, 1, 2] = np.nan
    with pytest.raises(LampError, match="1 LaMP embeddings are not finite"):
        EVALUATOR.matching_scores(texts, broken, draws, 4)
    with pytest.raises(LampError, match="are no pairs"):
        EVALUATOR.matching_scores(texts[:-1], motions, draws, 4)
    with pytest.raises(LampError, match="12 items are fewer than a batch of 32"):
        EVALUATOR.matching_scores(texts, motions, draws, 32)
