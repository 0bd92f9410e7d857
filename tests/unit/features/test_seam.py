"""New frames go on from the given ones, and let go of the difference within eight frames."""

import numpy as np

from lamp_core.features.layout import FeatureLayout
from lamp_core.features.seam import BLEND_FRAMES, BORDER, lead_over

WIDTH = 263
CONTACTS = FeatureLayout.of_width(WIDTH)["contacts"]


def _frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, WIDTH)).astype(np.float32)


def test_a_constant_difference_fades_from_the_border_and_contacts_keep_theirs() -> None:
    new, made = _frames(20), _frames(BORDER)
    led = lead_over(new, (made + 1.0, made), None)
    taken = led - new
    assert (taken[:, CONTACTS] == 0).all()
    fading = taken[:BLEND_FRAMES, 0]
    assert 0.9 < fading[0] < 1 and (np.diff(fading) < 0).all() and 0 < fading[-1] < 0.1
    assert (taken[BLEND_FRAMES:] == 0).all()


def test_both_borders_are_alike_in_time_reversed() -> None:
    new, made = _frames(20), _frames(BORDER)
    given = made + np.array([[0.5], [1.0]])
    front = lead_over(new, (given, made), None)
    behind = lead_over(new[::-1], None, (given[::-1], made[::-1]))
    np.testing.assert_allclose(front, behind[::-1])


def test_a_short_stretch_is_shared_by_its_borders_and_a_free_one_stays() -> None:
    new, made = _frames(4), _frames(BORDER)
    side = (made + 1.0, made)
    led = lead_over(new, side, side)
    np.testing.assert_allclose((led - new)[:, 0], (led - new)[::-1, 0], atol=1e-6)
    assert np.array_equal(lead_over(new, None, None), new)
