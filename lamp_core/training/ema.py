"""Exponential moving average of the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Follows the trainable parameters; buffers and frozen parameters are the module's own.

    After n steps the decay is ``min(decay, (1 + n) / (10 + n))``, so that the first, untrained weights are
    soon forgotten.

    Args:
        module: whose parameters are followed, from their present values on.
        decay: of the average, below 1.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {
            name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad
        }
        self.averages = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def follow(self, steps: int) -> None:
        """Move towards the weights after ``steps`` steps."""
        towards = get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]
            min(self.decay, (1 + steps) / (10 + steps))
        )
        towards(list(self.averages.values()), list(self.parameters.values()), steps)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the module holds the average."""
        held = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.put_in_place()
        try:
            yield
        finally:
            _copy(held, self.parameters)

    def put_in_place(self) -> None:
        """Let the module hold the average from here on."""
        _copy(self.averages, self.parameters)

    def restore(self, averages: Mapping[str, Tensor]) -> None:
        """Go on from the averages of a checkpoint."""
        _copy(averages, self.averages)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
