import numpy as np
import pytest
import scipy.linalg

from lamp_core.errors import LampError
from lamp_core.metrics.fid import fid_infinity, frechet_distance, frechet_distance_of_moments


def scipy_frechet(first, second):
    gap = first.mean(axis=0) - second.mean(axis=0)
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    return gap @ gap + np.trace(one + other - 2 * scipy.linalg.sqrtm(one @ other).real)


def embeddings(count, width, seed, shift=0.0):
    draws = np.random.default_rng(seed)
    return draws.normal(size=(count, width)) @ draws.normal(size=(width, width)) + shift


@pytest.mark.parametrize("width", [2, 16, 64])
def test_agrees_with_scipy_where_well_conditioned(width):
    first, second = embeddings(500, width, 0), embeddings(400, width, 1, shift=0.5)
    assert frechet_distance(first, second) == pytest.approx(scipy_frechet(first, second), rel=1e-8)


def test_one_number_is_the_textbook_formula():
    draws = np.random.default_rng(0)
    first, second = draws.normal(1.0, 2.0, size=(50, 1)), draws.normal(3.0, 5.0, size=(60, 1))
    expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_rank_deficient_by_hand():
    """S1 = diag(4, 1, 0) and S2 = diag(9, 0, 1) commute: the sum of (sqrt a - sqrt b)^2 is 1 + 1 + 1."""
    distance = frechet_distance_of_moments(
        np.zeros(3), np.diag([4.0, 1, 0]), np.zeros(3), np.diag([9.0, 0, 1])
    )
    assert distance == pytest.approx(3.0)


def test_rank_deficient_and_not_commuting_by_hand():
    """S1 = 4 u u^T and S2 = 9 v v^T: the root of S1 S2 has the trace 2 * 3 * |u.v|."""
    u, v = np.array([1.0, 0, 0]), np.array([0.6, 0.8, 0])
    distance = frechet_distance_of_moments(np.zeros(3), 4 * np.outer(u, u), np.ones(3), 9 * np.outer(v, v))
    assert distance == pytest.approx(3.0 + 4.0 + 9.0 - 2 * 2 * 3 * 0.6)


def test_fewer_items_than_numbers_is_the_distance_in_their_span():
    """A rotation into a wider space changes no distance, but leaves both covariances rank-deficient."""
    first, second = embeddings(40, 6, 0), embeddings(50, 6, 1, shift=1.0)
    basis = scipy.linalg.qr(np.random.default_rng(2).normal(size=(128, 128)))[0][:6]
    assert frechet_distance(first @ basis, second @ basis) == pytest.approx(
        scipy_frechet(first, second), rel=1e-6
    )


@pytest.mark.parametrize("count", [20, 300])
def test_a_set_has_no_distance_to_itself_in_any_order(count):
    items = embeddings(count, 64, 0)
    shuffled = np.random.default_rng(1).permutation(items)
    scale = np.trace(np.cov(items, rowvar=False))
    assert frechet_distance(items, shuffled) == pytest.approx(0.0, abs=1e-6 * scale)


def test_symmetric():
    first, second = embeddings(30, 64, 0), embeddings(300, 64, 1)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-6)


def test_too_few_items_and_broken_ones_are_named():
    items = embeddings(20, 4, 0)
    with pytest.raises(LampError, match="found 20 true and 1 generated"):
        frechet_distance(items, items[:1])
    with pytest.raises(LampError, match="4 and 3 numbers"):
        frechet_distance(items, items[:, :3])
    broken = items.copy()
    broken[0, 0] = np.nan
    with pytest.raises(LampError, match="1 of 20 generated embeddings are not finite"):
        frechet_distance(items, broken)


TRIALS = 200


def test_infinity_is_without_the_bias_of_few_items() -> None:
    draws = np.random.default_rng(0)
    width = 16
    spread = draws.uniform(0.5, 2.0, width)
    shift = np.zeros(width)
    shift[0] = 1.0
    true_value = frechet_distance_of_moments(np.zeros(width), np.eye(width), shift, np.diag(spread**2))
    biased, found = [], []
    for _ in range(TRIALS):
        true, made = draws.normal(size=(200, width)), shift + spread * draws.normal(size=(200, width))
        biased.append(frechet_distance(true, made))
        found.append(fid_infinity(true, made, draws))
    bias, left = np.mean(biased) - true_value, np.mean(found) - true_value
    assert bias > 5 * np.std(biased) / np.sqrt(TRIALS), "FID of few items is too large"
    assert abs(left) < 0.25 * bias


def test_infinity_is_the_intercept_of_a_least_squares_line() -> None:
    draws = np.random.default_rng(1)
    true, made = draws.normal(size=(60, 5)), draws.normal(0.3, 1.0, size=(48, 5))
    found = fid_infinity(true, made, np.random.default_rng(2), sizes=6)
    again, rows, values = np.random.default_rng(2), [], []
    for count in np.linspace(24, 48, 6).round().astype(int):
        subsets = [each[again.permutation(len(each))[:count]] for each in (true, made)]
        rows.append([1.0, 1.0 / count])
        values.append(scipy_frechet(*subsets))
    assert found == pytest.approx(
        np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0][0], rel=1e-6
    )


def test_infinity_of_few_items_is_refused() -> None:
    with pytest.raises(LampError, match="needs 8 items a set"):
        fid_infinity(np.zeros((7, 3)), np.zeros((9, 3)), np.random.default_rng(0))
