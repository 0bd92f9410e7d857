"""One step of training: the losses of its micro-batches, their gradient, and the step along it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lamp_core.config.models import Optimisation
from lamp_core.training.optimiser import learning_rate, set_learning_rate
from lamp_core.training.precision import autocast
from lamp_core.training.replicas import Replicas
from lamp_core.training.seeds import seed_everything

Losses = Callable[[int], Mapping[str, Tensor]]


class Learner:
    """Takes steps; with other processes, on the mean of all processes' gradients.

    Args:
        held: what is trained, and how the processes hold it.
        losses: of a micro-batch; ``"loss"`` is minimised.
        optimiser: of the module's trainable parameters (`make_optimiser`).
        settings: learning rate, clipping, micro-batches, seed.
    """

    def __init__(
        self,
        held: Replicas[nn.Module],
        losses: Losses,
        optimiser: torch.optim.Optimizer,
        settings: Optimisation,
    ) -> None:
        self.module, self.optimiser, self.settings = held.module, optimiser, settings
        self.device = next(held.module.parameters()).device
        held.compile()
        self.losses = held.speaking(_StepLosses(held.module, losses))

    def step(self, step: int) -> dict[str, Tensor]:
        """Take a step (from 0) and return its losses, means over the micro-batches, on the device."""
        self.optimiser.zero_grad(set_to_none=True)
        last = self.settings.accumulate - 1
        parts = [self._add_gradient(step, micro, is_last=micro == last) for micro in range(last + 1)]
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.settings.clip_norm)
        set_learning_rate(self.optimiser, learning_rate(step, self.settings))
        self.optimiser.step()
        return {name: torch.stack([losses[name] for losses in parts]).mean() for name in parts[0]}

    def _add_gradient(self, step: int, micro: int, *, is_last: bool) -> dict[str, Tensor]:
        number = step * self.settings.accumulate + micro
        seed_everything(self.settings.seed, number)
        with self._speaking_when(is_last):
            with autocast(self.device):
                named = self.losses(number)
            torch.autograd.backward(named["loss"] / self.settings.accumulate)
        return {name: value.detach() for name, value in named.items()}

    def _speaking_when(self, is_last: bool) -> AbstractContextManager[None]:
        """Replicas add up their gradients once a step, after the last micro-batch."""
        if isinstance(self.losses, DistributedDataParallel) and not is_last:
            return self.losses.no_sync()
        return nullcontext()


class _StepLosses(nn.Module):
    """The losses of a micro-batch as a forward pass, which is what DDP wraps."""

    def __init__(self, module: nn.Module, losses: Losses) -> None:
        super().__init__()
        self.module = module
        self._losses = losses

    def forward(self, number: int) -> dict[str, Tensor]:
        """Return the losses; only ``"loss"`` carries a gradient."""
        return {
            name: value if name == "loss" else value.detach() for name, value in self._losses(number).items()
        }
