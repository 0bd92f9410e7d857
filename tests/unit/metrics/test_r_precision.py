import itertools
import math

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.r_precision import matching_scores


def naive_r_precision(texts, motions, batches, k):
    """Share of texts whose motion is among the nearest k, counted one by one, without ties."""
    hits = []
    for batch in batches:
        for query in batch:
            order = sorted(batch, key=lambda item: math.dist(texts[query], motions[item]))
            hits.append(query in order[:k])
    return np.mean(hits)


def pairs(count, noise, seed=0, width=8):
    draws = np.random.default_rng(seed)
    texts = draws.normal(size=(count, width))
    return texts, texts + noise * draws.normal(size=texts.shape)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_as_published_r_precision_is_that_of_a_loop(noise):
    texts, motions = pairs(70, noise)
    scores = matching_scores(texts, motions, np.random.default_rng(5), counting="published")
    batches = np.random.default_rng(5).permutation(70)[:64].reshape(2, 32)
    for k in (1, 2, 3):
        assert scores.r_precision[k] == pytest.approx(naive_r_precision(texts, motions, batches, k))
    distances = [math.dist(texts[item], motions[item]) for item in batches.ravel()]
    assert scores.mm_distance == pytest.approx(np.mean(distances))
    assert (scores.items, scores.left_out) == (64, 6)


def test_every_item_is_measured_once_whatever_the_last_batch():
    texts, motions = pairs(70, 1.0)
    scores = matching_scores(texts, motions, np.random.default_rng(5))
    assert (scores.items, scores.left_out) == (70, 0)
    distances = [math.dist(*pair) for pair in zip(texts, motions, strict=True)]
    assert scores.mm_distance == pytest.approx(np.mean(distances))
    # An item's chance to be first among 32 is the same in whole batches and in the one that is filled up.
    repeats = [matching_scores(texts, motions, np.random.default_rng(seed)) for seed in range(300)]
    nearer_N = [
        sum(math.dist(texts[item], other) < math.dist(texts[item], motions[item]) for other in motions)
        for item in range(70)
    ]
    first = np.mean([math.comb(69 - nearer, 31) / math.comb(69, 31) for nearer in nearer_N])
    values = [scores.r_precision[1] for scores in repeats]
    assert np.mean(values) == pytest.approx(first, abs=4 * np.std(values) / math.sqrt(300))


def test_a_perfect_evaluator_scores_one():
    texts, _ = pairs(64, 0.0)
    scores = matching_scores(texts, texts, np.random.default_rng(0))
    assert scores.r_precision == {1: 1.0, 2: 1.0, 3: 1.0}
    assert scores.mm_distance == 0.0


def test_equal_embeddings_score_chance():
    scores = matching_scores(np.zeros((64, 4)), np.ones((64, 4)), np.random.default_rng(0))
    assert scores.r_precision == pytest.approx({1: 1 / 32, 2: 2 / 32, 3: 3 / 32})


def test_ties_count_as_a_random_order_would():
    texts = np.zeros((4, 1))
    motions = np.array([[1.0], [1.0], [1.0], [2.0]])
    places = {item: [] for item in range(4)}
    for order in itertools.permutations(range(4)):
        ranked = sorted(order, key=lambda item: motions[item, 0])
        for item in range(4):
            places[item].append(ranked.index(item))
    scores = matching_scores(texts, motions, np.random.default_rng(0), batch_size=4)
    for k in (1, 2, 3):
        assert scores.r_precision[k] == pytest.approx(
            np.mean([np.less(place, k).mean() for place in places.values()])
        )


def test_the_order_of_the_items_does_not_matter():
    texts, motions = pairs(32, 1.0)
    order = np.random.default_rng(3).permutation(32)
    one = matching_scores(texts, motions, np.random.default_rng(0))
    other = matching_scores(texts[order], motions[order], np.random.default_rng(0))
    assert one.r_precision == other.r_precision
    assert one.mm_distance == pytest.approx(other.mm_distance)


def test_fewer_items_than_a_batch_are_named():
    with pytest.raises(LampError, match="31 items are fewer than a batch of 32"):
        matching_scores(*pairs(31, 1.0), np.random.default_rng(0))


def test_a_broken_motion_never_ranks_first():
    texts, motions = pairs(32, 1.0)
    motions[3] = np.nan
    with pytest.raises(LampError, match="1 of 32 motion embeddings are not finite"):
        matching_scores(texts, motions, np.random.default_rng(0))


def test_as_published_equal_motions_stand_in_the_order_of_the_batch():
    scores = matching_scores(
        np.zeros((64, 4)), np.ones((64, 4)), np.random.default_rng(0), counting="published"
    )
    assert scores.r_precision == pytest.approx({1: 1 / 32, 2: 2 / 32, 3: 3 / 32})
