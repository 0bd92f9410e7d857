"""Which tokens are masked."""

import pytest
import torch

from lamp_core.t2m.token_masks import mask_count, mask_tokens


def test_mask_counts_follow_the_true_length() -> None:
    lengths = torch.tensor([0, 1, 7, 40])
    assert mask_count(torch.tensor(0.0), lengths).tolist() == [0, 1, 7, 40]
    assert mask_count(torch.tensor(0.5), lengths).tolist() == [0, 1, 5, 29]  # ceil(cos(pi / 4) n)
    assert mask_count(torch.tensor(1.0), lengths).tolist() == [0, 1, 1, 1]


def test_masks_stay_inside_the_true_length_and_follow_bert() -> None:
    tokens, lengths = torch.randint(0, 20, (4000, 12)), torch.randint(1, 13, (4000,))
    corrupted, chosen = mask_tokens(tokens, lengths, 20, 20)
    inside = torch.arange(12) < lengths[:, None]
    assert not (chosen & ~inside).any() and chosen.any(1).all()
    assert torch.equal(corrupted[~chosen], tokens[~chosen])
    masked = (corrupted[chosen] == 20).float().mean()
    same = (corrupted[chosen] == tokens[chosen]).float().mean()
    assert masked == pytest.approx(0.8, abs=0.02)
    assert same == pytest.approx(0.1 + 0.1 / 20, abs=0.02)
    # The mean of cos(pi r / 2) over uniform r is 2 / pi; rounding up adds to it.
    assert (chosen.sum(1) / lengths).mean() == pytest.approx(2 / torch.pi + 0.08, abs=0.05)
