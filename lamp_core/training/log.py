"""Means of the losses over windows of steps."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.training.distribution import all_reduce_sum, is_first, world_size

OnLog = Callable[[int, Mapping[str, float]], None]
OnProgress = Callable[[int, int, str], None]
"""Units done, units in all, and what to say beside them."""


class LossLog:
    """Collects the losses of each step and reports their means, over all processes, once a window.

    The losses stay on the device until then, so that no step waits for it. The open window is part of a
    checkpoint: a resumed run logs what an uninterrupted one logs.

    Args:
        on_log: called by the first process with (steps done, means of the losses and the learning rate).
        every: steps a window.
    """

    def __init__(self, on_log: OnLog | None, every: int) -> None:
        self.on_log, self.every = on_log, every
        self.text = ""
        self._new: list[Mapping[str, Tensor]] = []
        self._known: list[dict[str, float]] = []

    def add(self, done: int, losses: Mapping[str, Tensor], rate: float) -> None:
        """Take the losses of a step; report when the window ends with it."""
        self._new.append(losses)
        if done % self.every == 0:
            self.report(done, rate)

    def report(self, done: int, rate: float) -> None:
        """Report the open window, if it is open, and begin another.

        Raises:
            LampError: a loss is not finite.
        """
        window = self.window(done)
        if not window:
            return
        means = {name: sum(losses[name] for losses in window) / len(window) for name in window[0]}
        self.text = f"loss {means['loss']:.3f}"
        self._known = []
        if self.on_log and is_first():
            self.on_log(done, {**means, "learning_rate": rate})

    def window(self, done: int) -> list[dict[str, float]]:
        """Return the losses of the open window, the means of all processes.

        Raises:
            LampError: a loss is not finite.
        """
        if self._new:
            names = list(self._new[0])
            values_SN = torch.stack(
                [torch.stack([losses[name].float() for name in names]) for losses in self._new]
            )
            rows = (all_reduce_sum(values_SN) / world_size()).tolist()
            self._known += [dict(zip(names, row, strict=True)) for row in rows]
            self._new = []
        for losses in self._known:
            if not all(map(math.isfinite, losses.values())):
                raise LampError(
                    f"the loss is not finite before step {done}: {losses}; lower the learning rate"
                )
        return self._known

    def restore(self, window: list[dict[str, float]]) -> None:
        """Go on with the open window of a checkpoint."""
        self._known = [dict(losses) for losses in window]
