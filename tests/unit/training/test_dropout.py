"""Dropout: shares, scale, seeds."""

import pytest
import torch

from lamp_core.training.dropout import Dropout, keep_factors
from lamp_core.training.seeds import seed_everything


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(share: float) -> None:
    factors = keep_factors(torch.Size((1000, 301)), share)
    dropped = (factors == 0).float().mean()
    assert dropped == pytest.approx(round(share * 256) / 256, abs=0.004)
    assert factors.mean() == pytest.approx(1.0, abs=0.02)
    (kept,) = factors[factors > 0].unique()
    assert kept == pytest.approx(1 / (1 - round(share * 256) / 256))


def test_neighbours_are_dropped_independently() -> None:
    dropped = (keep_factors(torch.Size((100_000, 9)), 0.5) == 0).float()
    assert (torch.corrcoef(dropped.T) - torch.eye(9)).abs().max() < 0.02
    # Eight come from one number of the generator, the ninth from the next.
    in_a_row = dropped.flatten()
    for step in (1, 7, 8, 64):
        assert abs(torch.corrcoef(torch.stack([in_a_row[:-step], in_a_row[step:]]))[0, 1]) < 0.01


def test_the_global_seed_decides_alone() -> None:
    dropout, values = Dropout(0.3).train(), torch.randn(7, 5)
    drawn = []
    for step in (1, 1, 2):
        seed_everything(0, step)
        drawn.append(dropout(values))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_gradients_pass_where_values_do() -> None:
    values = torch.randn(40, 30, requires_grad=True)
    result = Dropout(0.4).train()(values)
    result.sum().backward()
    assert torch.equal(values.grad != 0, result != 0)
    torch.testing.assert_close(values.grad * values, result)


def test_there_is_none_outside_of_training_and_nothing_left_at_one() -> None:
    values = torch.randn(4, 5)
    assert Dropout(0.4).eval()(values) is values
    assert Dropout(0.0).train()(values) is values
    assert not Dropout(1.0).train()(values).any()
