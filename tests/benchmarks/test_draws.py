"""What is drawn for any device are the numbers of the CPU."""

import pytest
import torch
from torch import Tensor, nn

from benchmarks.card.draws import DrawnOnCpu


def _drawn_for(device: str) -> Tensor:
    """Draw for a device, then on the CPU what comes next."""
    torch.manual_seed(0)
    weights = torch.ones(3, 5, device=device)
    for _ in range(2):
        torch.rand(2, 3, device=device)
        torch.randint(9, (4,), device=device)
        torch.randperm(5, device=device)
        torch.randn_like(weights)
        nn.init.normal_(torch.empty(4, device=device))
    return torch.rand(4)


def test_draws_for_another_device_are_taken_from_the_cpu() -> None:
    with DrawnOnCpu():
        assert torch.equal(_drawn_for("meta"), _drawn_for("cpu"))
        assert torch.rand(2, device="meta").device.type == "meta"


def test_on_the_cpu_nothing_changes() -> None:
    expected = _drawn_for("cpu")
    with DrawnOnCpu():
        assert torch.equal(_drawn_for("cpu"), expected)


def test_a_generator_of_the_cpu_is_used_as_it_is() -> None:
    plain = torch.multinomial(torch.ones(9), 3, generator=torch.Generator().manual_seed(1))
    with DrawnOnCpu():
        assert torch.equal(
            torch.multinomial(torch.ones(9), 3, generator=torch.Generator().manual_seed(1)), plain
        )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_drawn_into_a_tensor_is_in_it(share: float) -> None:
    with DrawnOnCpu():
        values = torch.empty(6).bernoulli_(share)
    assert torch.equal(values, torch.full((6,), share))
