"""Batches and pairs against counting them all."""

import itertools
from collections import Counter

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.batches import random_pairs, shuffled_batches


@pytest.mark.parametrize("count", [32, 64, 70, 100, 33, 63])
def test_every_item_counts_once_and_no_batch_holds_one_twice(count):
    batches = shuffled_batches(count, 32, np.random.default_rng(1))
    assert sorted(batches.items_GB[batches.counted_GB]) == list(range(count))
    assert batches.counted == count
    assert all(len(set(batch)) == 32 for batch in batches.items_GB)


def test_as_published_the_last_incomplete_batch_is_left_out():
    batches = shuffled_batches(100, 32, np.random.default_rng(1), "published")
    assert batches.items_GB.shape == (3, 32)
    assert batches.counted == 96
    expected = np.random.default_rng(1).permutation(100)[:96].reshape(3, 32)
    np.testing.assert_array_equal(batches.items_GB, expected)


def test_batches_depend_on_the_draws_alone():
    one, same, other = (shuffled_batches(70, 32, np.random.default_rng(seed)).items_GB for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any()


def test_pairs_are_of_two_items_and_all_are_as_likely():
    drawn = Counter()
    for seed in range(3000):
        first, second = random_pairs(6, 5, np.random.default_rng(seed))
        drawn_now = {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)}
        assert len(drawn_now) == 5
        drawn.update(drawn_now)
    assert set(drawn) == set(itertools.combinations(range(6), 2))
    assert max(drawn.values()) - min(drawn.values()) < 200  # each about 1000 times


def test_all_pairs_are_taken_where_there_are_no_more():
    first, second = random_pairs(4, 300, np.random.default_rng(0))
    found = {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert found == set(itertools.combinations(range(4), 2))
    assert len(first) == 6


def test_too_few_items_are_named():
    with pytest.raises(LampError, match="pairs need two items"):
        random_pairs(1, 3, np.random.default_rng(0))
    with pytest.raises(LampError, match="5 items are fewer than the 10 pairs"):
        random_pairs(5, 10, np.random.default_rng(0), "published")
    with pytest.raises(LampError, match="31 items are fewer than a batch of 32"):
        shuffled_batches(31, 32, np.random.default_rng(0))
