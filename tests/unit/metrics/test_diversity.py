import itertools
import math

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.diversity import diversity, diversity_pairs, multimodality


def test_as_published_diversity_is_that_of_a_loop():
    items = np.random.default_rng(0).normal(size=(400, 8))
    draws = np.random.default_rng(7)
    first, second = draws.choice(400, 300, replace=False), draws.choice(400, 300, replace=False)
    loop = np.mean([math.dist(items[one], items[other]) for one, other in zip(first, second, strict=True)])
    assert diversity(items, np.random.default_rng(7), counting="published") == pytest.approx(loop)


def test_small_sets_use_a_hundred_pairs():
    assert [diversity_pairs(count) for count in (100, 300, 301)] == [100, 100, 300]


def test_diversity_estimates_the_mean_distance_of_all_pairs():
    """Corners of a square: the mean distance of all pairs is (0 + 1 + 1 + sqrt 2) / 4."""
    corners = np.repeat(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), 100, axis=0)
    values = [diversity(corners, np.random.default_rng(seed)) for seed in range(40)]
    assert np.mean(values) == pytest.approx((2 + math.sqrt(2)) / 4, abs=0.02)


def test_diversity_of_equal_items_is_zero():
    assert diversity(np.ones((120, 5)), np.random.default_rng(0)) == 0.0


def test_fewer_items_than_pairs_are_named():
    with pytest.raises(LampError, match="99 items are fewer than the 100 pairs"):
        diversity(np.zeros((99, 5)), np.random.default_rng(0), counting="published")


def test_as_published_multimodality_is_that_of_a_loop():
    motions = np.random.default_rng(0).normal(size=(6, 30, 8))
    draws = np.random.default_rng(7)
    first, second = draws.choice(30, 10, replace=False), draws.choice(30, 10, replace=False)
    loop = [
        math.dist(text[one], text[other])
        for text in motions
        for one, other in zip(first, second, strict=True)
    ]
    found = multimodality(motions, np.random.default_rng(7), counting="published")
    assert found == pytest.approx(np.mean(loop))


def test_of_few_motions_multimodality_is_the_mean_of_all_their_pairs():
    """Ten pairs of ten motions, as published, meet themselves one time in ten."""
    motions = np.random.default_rng(0).normal(size=(40, 10, 8))
    pairs = list(itertools.combinations(range(10), 2))
    exact = np.mean([math.dist(text[one], text[other]) for text in motions for one, other in pairs])
    rules = ("unbiased", "published")
    found = {
        rule: np.mean([multimodality(motions, np.random.default_rng(n), 10, rule) for n in range(60)])
        for rule in rules
    }
    assert found["unbiased"] == pytest.approx(exact, rel=0.005)
    assert found["published"] == pytest.approx(0.9 * exact, rel=0.02)
    assert multimodality(motions, np.random.default_rng(0), 45) == pytest.approx(exact)


def test_multimodality_says_what_is_wrong():
    with pytest.raises(LampError, match="pairs need two items"):
        multimodality(np.zeros((3, 1, 8)), np.random.default_rng(0))
    with pytest.raises(LampError, match="found shape"):
        multimodality(np.zeros((3, 8)), np.random.default_rng(0))
    broken = np.zeros((3, 10, 8))
    broken[1, 2, 3] = np.nan
    with pytest.raises(LampError, match="1 of 3 texts' motion embeddings are not finite"):
        multimodality(broken, np.random.default_rng(0))
