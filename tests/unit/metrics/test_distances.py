import math

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.distances import euclidean_distances, finite_embeddings, mm_distance


def test_distances_are_those_of_a_loop():
    draws = np.random.default_rng(0)
    first, second = draws.normal(size=(5, 7)), draws.normal(size=(4, 7))
    loop = [[math.dist(one, other) for other in second] for one in first]
    np.testing.assert_allclose(euclidean_distances(first, second), loop, rtol=1e-13)


def test_equal_items_have_exactly_equal_distances():
    draws = np.random.default_rng(1)
    query, item = draws.normal(size=(1, 512)) * 1e3, draws.normal(size=(1, 512))
    distances = euclidean_distances(query, np.repeat(item, 40, axis=0))
    assert len(np.unique(distances)) == 1


def test_mm_distance_is_the_mean_of_the_diagonal():
    draws = np.random.default_rng(2)
    texts, motions = draws.normal(size=(9, 3)), draws.normal(size=(9, 3))
    assert mm_distance(texts, motions) == pytest.approx(np.mean(np.diag(euclidean_distances(texts, motions))))


def test_items_that_are_not_finite_are_counted():
    embeddings = np.zeros((6, 4))
    embeddings[1, 2], embeddings[4, 0] = np.nan, np.inf
    with pytest.raises(LampError, match="2 of 6 motion embeddings are not finite"):
        mm_distance(np.zeros((6, 4)), embeddings)


def test_what_is_no_pair_is_refused():
    with pytest.raises(LampError, match="no pairs"):
        mm_distance(np.zeros((6, 4)), np.zeros((5, 4)))
    with pytest.raises(LampError, match="found none"):
        mm_distance(np.zeros((0, 4)), np.zeros((0, 4)))
    with pytest.raises(LampError, match=r"\(items, numbers\)"):
        finite_embeddings("embeddings", np.zeros(3))
