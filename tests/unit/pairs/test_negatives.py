"""Which pairs mean the same, and the draw of hard negatives."""

import pytest
import torch

from lamp_core.pairs.negatives import base_motion, equal_pairs, hard_negatives


def test_equals_are_same_motion_mirror_or_caption() -> None:
    clips = ["000021", "M000021", "000022", "000023", "Mwalk"]
    captions = ["a man walks", "b", "A man  walks.", "c", "d"]
    equal = equal_pairs(clips, captions)
    expected = torch.eye(5, dtype=torch.bool)
    for i, j in ((0, 1), (0, 2)):
        expected[i, j] = expected[j, i] = True
    assert torch.equal(equal, expected)
    assert base_motion("Mwalk") == "Mwalk"


def test_hard_negatives_are_never_equals_and_follow_the_similarity() -> None:
    equal = torch.eye(4, dtype=torch.bool)
    equal[0, 1] = equal[1, 0] = True
    logits = torch.tensor([[50.0, 50.0, 2.0, 0.0]] * 4)
    drawn = torch.stack([hard_negatives(logits, equal)[0] for _ in range(1000)])
    for row in range(4):
        assert not equal[row][drawn[:, row]].any()
    share = (drawn[:, 0] == 2).float().mean()
    assert float(share) == pytest.approx(float(torch.tensor([2.0, 0.0]).softmax(0)[0]), abs=0.06)


def test_a_row_of_equals_draws_nothing() -> None:
    columns, drawable = hard_negatives(torch.zeros(3, 3), torch.ones(3, 3, dtype=torch.bool))
    assert not drawable.any() and columns.shape == (3,)
