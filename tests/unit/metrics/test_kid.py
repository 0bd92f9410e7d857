"""KID against a plain loop, and what it is there for: no bias by the number of items."""

import itertools

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.fid import frechet_distance
from lamp_core.metrics.kid import kernel_distance


def test_it_is_that_of_a_loop():
    draws = np.random.default_rng(0)
    true, made = draws.normal(size=(7, 4)), draws.normal(0.5, 2, size=(5, 4))

    def kernel(one, other):
        return (one @ other / 4 + 1) ** 3

    within = [
        np.mean([kernel(one, other) for one, other in itertools.permutations(items, 2)])
        for items in (true, made)
    ]
    across = np.mean([kernel(one, other) for one in true for other in made])
    assert kernel_distance(true, made) == pytest.approx(sum(within) - 2 * across)


def test_the_number_of_items_does_not_move_it_as_it_moves_fid():
    draws = np.random.default_rng(1)
    found = {
        count: [
            (kernel_distance(*pair), frechet_distance(*pair))
            for _ in range(60)
            for pair in [draws.normal(size=(2, count, 16))]
        ]
        for count in (20, 200)
    }
    means = {count: np.mean(values, axis=0) for count, values in found.items()}
    for count, values in found.items():
        spread = np.std([kid for kid, _ in values]) / np.sqrt(60)
        assert abs(means[count][0]) < 4 * spread
    assert means[20][1] > 5 * means[200][1] > 0


def test_what_cannot_be_measured_is_said():
    with pytest.raises(LampError, match="found 1 true and 3 generated"):
        kernel_distance(np.zeros((1, 3)), np.zeros((3, 3)))
    with pytest.raises(LampError, match="of 3 and 4 numbers"):
        kernel_distance(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(LampError, match="1 of 2 generated embeddings are not finite"):
        kernel_distance(np.zeros((2, 3)), np.array([[0, 0, 0], [np.nan, 0, 0]]))
