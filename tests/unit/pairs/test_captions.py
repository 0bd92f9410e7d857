"""The draw of captions, the same for every training."""

import numpy as np
import pytest
import torch

from lamp_core.pairs.captions import CaptionIndex, below_by_torch


def test_every_caption_of_an_item_is_equally_likely_and_no_other_is_drawn() -> None:
    index = CaptionIndex([3, 1, 2])
    assert index.owners_M.tolist() == [0, 0, 0, 1, 2, 2] and len(index) == 6
    torch.manual_seed(0)
    drawn = np.stack([index.draw(np.array([2, 0, 1])) for _ in range(3000)])
    assert (index.owners_M[drawn] == [2, 0, 1]).all()
    shares = np.bincount(drawn.ravel(), minlength=6) / 3000
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 1 / 3, 1, 1 / 2, 1 / 2], atol=0.03)


def test_one_seed_one_draw_whatever_draws() -> None:
    index, items = CaptionIndex(np.arange(1, 9)), np.array([7, 3, 7, 0, 5])
    for seed, below in (
        (torch.manual_seed, below_by_torch),
        (np.random.seed, np.random.randint),
    ):
        seed(4)
        first = index.draw(items, below)
        seed(4)
        assert np.array_equal(first, index.draw(items, below))
        assert (index.owners_M[first] == items).all()


def test_an_item_without_a_caption_is_named() -> None:
    with pytest.raises(ValueError, match="item 1 has no caption"):
        CaptionIndex([2, 0, 1])
