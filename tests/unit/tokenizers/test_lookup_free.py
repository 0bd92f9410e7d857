"""Quantisers without a codebook: codes and back, and the entropy penalty against all codes written down."""

from itertools import product

import pytest
import torch
from torch import Tensor

from lamp_core.tokenizers.lookup_free import Levels, LookupFree, Signs


def signs(bits: int, inverse_temperature: float = 1.0, entropy_bits: int = 12) -> Signs:
    return Signs(bits, inverse_temperature, entropy_bits)


@pytest.mark.parametrize("quantiser", [signs(8), Levels((8, 6, 5)), Levels((2, 3, 7))])
def test_every_code_comes_back_from_its_numbers(quantiser: LookupFree) -> None:
    codes = torch.arange(quantiser.codes)
    numbers = quantiser.decode(codes)
    assert numbers.shape == (quantiser.codes, quantiser.width)
    assert len(numbers.unique(dim=0)) == quantiser.codes and numbers.abs().max() <= 1
    assert torch.equal(quantiser.encode(numbers), codes)


def test_a_code_of_16_bits_is_a_sum_of_powers_of_two() -> None:
    latent = torch.full((16,), -0.5)
    latent[[0, 3, 15]] = 0.1
    assert int(signs(16).encode(latent)) == 1 + 8 + 2**15
    assert int(signs(16).encode(torch.zeros(16))) == 0, "not above zero is -1"


def test_latents_reach_every_level_and_no_other() -> None:
    for levels in range(2, 10):
        quantiser = Levels((levels,))
        bounded = quantiser.bounded(torch.linspace(-20, 20, 4001)[:, None])
        assert set(quantiser.encode(bounded).tolist()) == set(range(levels))
        nearest = (bounded - quantiser.decode(torch.arange(levels))[None, :, 0]).abs().argmin(-1)
        assert torch.equal(quantiser.encode(bounded), nearest)
        assert quantiser.bounded(torch.zeros(1)).abs() < 1e-6


def written_down(latents_NPd: Tensor, inverse_temperature: float) -> Tensor:
    """The penalty by the probabilities of all codes, the softmax of their negative squared distances."""
    codes_Kd = torch.tensor(list(product((-1.0, 1.0), repeat=latents_NPd.shape[-1])), dtype=latents_NPd.dtype)
    distances_NPK = (latents_NPd[..., None, :] - codes_Kd).square().sum(-1)
    p_NPK = (-inverse_temperature * distances_NPK).softmax(-1)
    each = torch.special.entr(p_NPK).sum(-1).mean()
    return each - torch.special.entr(p_NPK.mean(dim=0)).sum(-1).mean()


@pytest.mark.parametrize("inverse_temperature", [0.3, 5.0])
def test_the_penalty_is_that_of_all_codes_written_down(inverse_temperature: float) -> None:
    latents = torch.randn(50, 3, 5, dtype=torch.float64, requires_grad=True)
    penalty = signs(5, inverse_temperature).entropy_penalty(latents)
    expected = written_down(latents, inverse_temperature)
    torch.testing.assert_close(penalty, expected)
    for made, true in zip(
        torch.autograd.grad(penalty, latents), torch.autograd.grad(expected, latents), strict=True
    ):
        torch.testing.assert_close(made, true)


def test_in_groups_it_is_the_same_where_the_groups_are_independent() -> None:
    """Every first half of a latent stands beside every second half: the halves say nothing of each other."""
    first, second = torch.randn(20, 3), torch.randn(30, 3)
    latents = torch.cat([first.repeat_interleave(30, 0), second.repeat(20, 1)], dim=1)[:, None]
    torch.testing.assert_close(
        signs(6, 2.0, 3).entropy_penalty(latents), signs(6, 2.0, 6).entropy_penalty(latents)
    )
    tied = torch.cat([first, first], dim=1)[:, None]
    assert signs(6, 2.0, 3).entropy_penalty(tied) < signs(6, 2.0, 6).entropy_penalty(tied) - 0.1


def test_sharp_and_spread_codes_are_favoured_and_no_gradient_is_infinite() -> None:
    every_code = signs(8).decode(torch.arange(256))[:, None]
    best = signs(8, 100.0).entropy_penalty(every_code)
    torch.testing.assert_close(best, -torch.tensor(256.0).log())
    same = torch.ones(40, 1, 8, requires_grad=True)
    worst = signs(8, 100.0).entropy_penalty(same)
    assert abs(float(worst.detach())) < 1e-5
    worst.backward()
    assert same.grad is not None and same.grad.isfinite().all()
