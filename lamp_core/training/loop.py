"""The one training loop."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.checkpoints import load_checkpoint, save_checkpoint
from lamp_core.training.optimiser import learning_rate, make_optimiser
from lamp_core.training.sampling import seed_everything

OnLog = Callable[[int, Mapping[str, float]], None]
OnProgress = Callable[[int, int, str], None]


def fit(
    module: nn.Module,
    losses: Callable[[int], Mapping[str, Tensor]],
    optimisation: Optimisation,
    *,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
    log_every: int = 20,
) -> None:
    """Train ``module`` for ``optimisation.steps`` steps, going on from the last checkpoint when there is one.

    Args:
        module: what is trained and saved; parameters with ``requires_grad=False`` stay as they are.
        losses: builds the batch of a step (from 0) and returns scalar losses by name; ``"loss"`` is
            minimised.
            All its randomness must come from the global generators, which are seeded by (seed, step).
        optimisation: steps, batch, learning rate, schedule.
        checkpoints: folder of the checkpoints; none are written without it.
        on_log: called with (steps done, means of the losses since the last call and the learning rate).
        on_progress: called with (steps done, steps, text) after every step.
        log_every: steps between two calls of ``on_log``.

    Raises:
        LampError: the loss is not finite.
    """
    optimiser = make_optimiser(module, optimisation)
    start, log_state = load_checkpoint(checkpoints, module, optimiser) if checkpoints else (0, {})
    log = _Log(on_log, log_every, optimisation.steps, log_state)
    module.train()
    for step in range(start, optimisation.steps):
        seed_everything(optimisation.seed, step)
        rate = learning_rate(step, optimisation)
        named = losses(step)
        _step(module, optimiser, named["loss"], rate, optimisation.clip_norm)
        done = step + 1
        log.add(done, {name: value.detach().float() for name, value in named.items()}, rate)
        if on_progress:
            on_progress(done, optimisation.steps, log.text)
        if checkpoints and done % optimisation.checkpoint_every == 0 and done < optimisation.steps:
            save_checkpoint(checkpoints, done, module, optimiser, log.state())
    module.eval()


def _step(
    module: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor, rate: float, clip_norm: float
) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(module.parameters(), clip_norm)
    optimiser.step()


class _Log:
    """Means of the losses over fixed windows of steps; the open window is part of the checkpoint, so that a
    resumed run logs what an uninterrupted one logs."""

    def __init__(self, on_log: OnLog | None, every: int, steps: int, state: dict[str, Any]) -> None:
        self.on_log, self.every, self.steps = on_log, every, steps
        self.window: list[dict[str, Tensor]] = [
            {name: torch.tensor(value) for name, value in named.items()} for named in state.get("window", [])
        ]
        self.text = ""

    def add(self, done: int, named: dict[str, Tensor], rate: float) -> None:
        self.window.append(named)
        if done % self.every and done != self.steps:
            return
        means = {
            name: float(torch.stack([values[name].cpu() for values in self.window]).mean()) for name in named
        }
        if not all(map(math.isfinite, means.values())):
            raise LampError(f"the loss is not finite after step {done}: {means}; lower the learning rate")
        self.text = f"loss {means['loss']:.3f}"
        self.window = []
        if self.on_log:
            self.on_log(done, {**means, "learning_rate": rate})

    def state(self) -> dict[str, Any]:
        return {"window": [{name: float(value) for name, value in named.items()} for named in self.window]}
