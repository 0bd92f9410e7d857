"""Early stopping: the best weights so far by a validation, and when to stop."""

import math
from collections.abc import Mapping

import torch
from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.training.checkpoints import Best, Checkpoints
from lamp_core.training.distribution import alone, first_says, is_first
from lamp_core.training.replicas import Replicas
from lamp_core.training.tensor_files import Tensors
from lamp_core.training.validation import Validation


class EarlyStopping:
    """Measures now and then, keeps the best weights, and says when to stop.

    Of equally good weights the later ones are kept, since recall on few clips has few values; for patience
    they are no improvement.

    The best weights are in a file beside the checkpoints, or in memory without one. The first process
    measures and writes; the others hear the number that decides.

    Args:
        held: what is measured, and how the processes hold it.
        validation: how.
        settings: steps between two validations (there is one more after the last step), and patience.
        checkpoints: where the best weights go.
    """

    def __init__(
        self,
        held: Replicas[nn.Module],
        validation: Validation,
        settings: Optimisation,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.held, self.validation = held, validation
        self.settings, self.checkpoints = settings, checkpoints
        self.best: Best | None = None
        self.waited = 0
        self.text = ""
        self._weights: Tensors = {}

    def is_due(self, done: int) -> bool:
        """Whether the module is validated after ``done`` steps."""
        return done % self.settings.validate_every == 0 or done == self.settings.steps

    def validate(self, done: int) -> Mapping[str, float]:
        """Measure, keep the weights when they are the best, and return the numbers (the first process)."""
        numbers = self._measure()
        value = first_says(float(numbers[self.validation.monitor]) if is_first() else math.nan)
        gain = self._gain(value)
        self.waited = 0 if gain > 0 else self.waited + 1
        if gain >= 0:
            self._keep(done, value)
        best = f" (best {self.best.value:.3f} at {self.best.step})" if self.best else ""
        self.text = f"{self.validation.monitor} {value:.3f}{best}"
        return numbers

    @property
    def is_over(self) -> bool:
        """Whether it has not become better for too long."""
        return 0 < self.settings.patience <= self.waited

    def put_best_in_place(self) -> None:
        """Let the module of the first process hold the best weights, if any were ever measured."""
        if self.best is None:
            return
        if is_first() and self.checkpoints:
            self._weights = self.checkpoints.read_best(self.best)
        self.held.take(self._weights)

    def restore(self, best: Best | None, waited: int) -> None:
        """Go on from a checkpoint: the best weights, and validations since."""
        self.best, self.waited = best, waited

    def _measure(self) -> Mapping[str, float]:
        with self.held.gathered():
            if not is_first():
                return {}
            self.held.module.eval()
            with alone(), torch.no_grad():
                numbers = self.validation.measure()
            self.held.module.train()
            return numbers

    def _gain(self, value: float) -> float:
        """By how much a number is better than the best; what is not finite is worse than anything."""
        if not math.isfinite(value):
            return -math.inf
        if self.best is None:
            return math.inf
        return self.best.value - value if self.validation.better == "lower" else value - self.best.value

    def _keep(self, step: int, value: float) -> None:
        self.best = Best(step, value)
        weights = self.held.weights()
        if self.checkpoints is None:
            self._weights = weights
        elif is_first():
            self.best = self.checkpoints.save_best(step, value, weights)
