"""All that a training holds from step to step, and what of it a checkpoint keeps."""

import time
from contextlib import nullcontext

from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.checkpoints import Checkpoint, Checkpoints
from lamp_core.training.distribution import first_says, is_first, share_state
from lamp_core.training.ema import WeightAverage
from lamp_core.training.learner import Learner, Losses
from lamp_core.training.log import LossLog, OnLog
from lamp_core.training.model_files import state_tensors
from lamp_core.training.optimiser import learning_rate, make_optimiser, optimiser_tensors, restore_optimiser
from lamp_core.training.save_schedule import Cadence
from lamp_core.training.tensor_files import Tensors
from lamp_core.training.validation import Referee, Validation

MODULE, OPTIMISER, AVERAGE = "module.", "optimiser.", "average."


class TrainingRun:
    """A training after ``done`` steps: module, optimiser, average, log and referee. ``fit`` drives it.

    Args:
        module: what is trained.
        losses: of a micro-batch.
        settings: of the optimisation.
        checkpoints: where it goes on from and is saved; None for nowhere.
        log: of the losses.
        on_log: told the numbers of a validation.
        validation: how it is validated; None for not at all.

    Raises:
        LampError: the processes do not see the same checkpoints.
    """

    def __init__(
        self,
        module: nn.Module,
        losses: Losses,
        settings: Optimisation,
        *,
        checkpoints: Checkpoints | None,
        log: LossLog,
        on_log: OnLog | None,
        validation: Validation | None,
    ) -> None:
        self.module, self.settings, self.checkpoints = module, settings, checkpoints
        self.log, self.on_log = log, on_log
        self.done = 0
        self.optimiser = make_optimiser(module, settings)
        self.average = WeightAverage(module, settings.ema_decay) if settings.ema_decay else None
        self.referee = None
        if validation is not None and settings.validate_every > 0:
            self.referee = Referee(module, validation, settings, checkpoints)
        self._resume()
        self.cadence = Cadence(settings.checkpoint_every, self.done)
        self.learner = Learner(module, losses, self.optimiser, settings)

    @property
    def is_over(self) -> bool:
        """Whether the last step is done, or validation did not improve for too long."""
        return self.done >= self.settings.steps or (self.referee is not None and self.referee.is_over)

    @property
    def is_validation_due(self) -> bool:
        """Whether the weights are validated before the next step."""
        return self.referee is not None and self.referee.is_due(self.done)

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether the run is saved before the next step."""
        return self.checkpoints is not None and not self.is_over and self.cadence.is_due(self.done)

    @property
    def rate(self) -> float:
        """Learning rate of the step done last."""
        return learning_rate(self.done - 1, self.settings)

    @property
    def best_step(self) -> int | None:
        """After which the weights were the best so far; None before the first validation."""
        return self.referee.best.step if self.referee and self.referee.best else None

    @property
    def text(self) -> str:
        """The latest loss and validation, for people."""
        return ", ".join(filter(None, [self.log.text, self.referee.text if self.referee else ""]))

    def step(self) -> None:
        """Take a step, and let average and log follow."""
        losses = self.learner.step(self.done)
        self.done += 1
        if self.average:
            self.average.follow(self.done)
        self.log.add(self.done, losses, self.rate)

    def validate(self) -> None:
        """Let the referee measure the weights, or their average, and report what it found."""
        if self.referee is None:
            return
        with self.average.in_place() if self.average else nullcontext():
            numbers = self.referee.validate(self.done)
        if self.on_log and is_first():
            self.on_log(self.done, numbers)

    def save(self) -> None:
        """Write a checkpoint, unless there is nowhere to, or no step to go on with."""
        if self.checkpoints is None or self.is_over:
            return
        began = time.monotonic()
        record = {"window": self.log.window(self.done), "waited": self.referee.waited if self.referee else 0}
        best = self.referee.best if self.referee else None
        if is_first():
            self.checkpoints.save(Checkpoint(self.done, self._tensors(), best, record))
        self.cadence.begin(self.done, time.monotonic() - began)

    def finish(self) -> None:
        """Report what is left, and let the module hold its final weights, in every process."""
        self.log.report(self.done, self.rate)
        if self.average:
            self.average.put_in_place()
        if self.referee:
            self.referee.put_best_in_place()
        share_state(self.module)

    def _tensors(self) -> Tensors:
        averages = self.average.averages if self.average else {}
        return {
            **{MODULE + name: tensor for name, tensor in state_tensors(self.module).items()},
            **{OPTIMISER + name: tensor for name, tensor in optimiser_tensors(self.optimiser).items()},
            **{AVERAGE + name: tensor.cpu() for name, tensor in averages.items()},
        }

    def _resume(self) -> None:
        """Go on from the newest intact checkpoint, if there is one."""
        found = self.checkpoints.newest() if self.checkpoints else None
        start = found.step if found else 0
        if first_says(start) != start:
            raise LampError("the processes do not see the same checkpoints; they must share the folder")
        if found is None:
            return
        self.done = start
        self.module.load_state_dict(_part(found.tensors, MODULE))
        restore_optimiser(self.optimiser, _part(found.tensors, OPTIMISER))
        if self.average:
            self.average.restore(_part(found.tensors, AVERAGE))
        if self.referee:
            self.referee.restore(found.best, found.record["waited"])
        self.log.restore(found.record["window"])


def _part(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
