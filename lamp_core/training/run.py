"""All that a training holds from step to step, and what of it a checkpoint keeps."""

import time
import warnings
from contextlib import nullcontext

from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.checkpoints import Checkpoint, Checkpoints, CheckpointWarning
from lamp_core.training.distribution import first_says, is_first, world_size
from lamp_core.training.early_stopping import EarlyStopping
from lamp_core.training.ema import WeightAverage
from lamp_core.training.learner import Learner, Losses
from lamp_core.training.log import LossLog, OnLog
from lamp_core.training.optimiser import (
    EVEN,
    RateShares,
    learning_rate,
    make_optimiser,
    optimiser_tensors,
    restore_optimiser,
)
from lamp_core.training.replicas import Replicas
from lamp_core.training.save_schedule import SaveSchedule
from lamp_core.training.tensor_files import Tensors
from lamp_core.training.validation import Validation

MODULE, OPTIMISER, AVERAGE = "module.", "optimiser.", "average."


class TrainingRun:
    """A training after ``done`` steps: module, optimiser, average, log and early stopping. ``fit`` drives it.

    Args:
        held: what is trained, and how the processes hold it.
        losses: of a micro-batch.
        settings: of the optimisation.
        checkpoints: where it goes on from and is saved; None for nowhere.
        log: of the losses.
        on_log: told the numbers of a validation.
        validation: how it is validated; None for not at all.
        shares: of the learning rate, by a parameter's name.

    Raises:
        LampError: the processes do not see the same checkpoints.
    """

    def __init__(
        self,
        held: Replicas[nn.Module],
        losses: Losses,
        settings: Optimisation,
        *,
        checkpoints: Checkpoints | None,
        log: LossLog,
        on_log: OnLog | None,
        validation: Validation | None,
        shares: RateShares = EVEN,
    ) -> None:
        self.held, self.module, self.settings, self.checkpoints = held, held.module, settings, checkpoints
        self.log, self.on_log = log, on_log
        self.done = 0
        self.optimiser = make_optimiser(self.module, settings, shares)
        self.average = WeightAverage(self.module, settings.ema_decay) if settings.ema_decay else None
        self.stopping = None
        if validation is not None and settings.validate_every > 0:
            self.stopping = EarlyStopping(held, validation, settings, checkpoints)
        self._resume()
        self.save_schedule = SaveSchedule(settings.checkpoint_every, self.done)
        self.learner = Learner(held, losses, self.optimiser, settings)

    @property
    def is_over(self) -> bool:
        """Whether the last step is done, or validation did not improve for too long."""
        return self.done >= self.settings.steps or (self.stopping is not None and self.stopping.is_over)

    @property
    def is_validation_due(self) -> bool:
        """Whether the weights are validated before the next step."""
        return self.stopping is not None and self.stopping.is_due(self.done)

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether the run is saved before the next step."""
        return self.checkpoints is not None and not self.is_over and self.save_schedule.is_due(self.done)

    @property
    def rate(self) -> float:
        """Learning rate of the step done last, of what has no share of its own."""
        return learning_rate(self.done - 1, self.settings)

    @property
    def best_step(self) -> int | None:
        """After which the weights were the best so far; None before the first validation."""
        return self.stopping.best.step if self.stopping and self.stopping.best else None

    @property
    def text(self) -> str:
        """The latest loss and validation, for people."""
        return ", ".join(filter(None, [self.log.text, self.stopping.text if self.stopping else ""]))

    def step(self) -> None:
        """Take a step, and let average and log follow."""
        losses = self.learner.step(self.done)
        self.done += 1
        if self.average:
            self.average.follow(self.done)
        self.log.add(self.done, losses, self.rate)

    def validate(self) -> None:
        """Measure the weights, or their average, and report the numbers."""
        if self.stopping is None:
            return
        with self.average.in_place() if self.average else nullcontext():
            numbers = self.stopping.validate(self.done)
        if self.on_log and is_first():
            self.on_log(self.done, numbers)

    def save(self) -> None:
        """Write a checkpoint, unless there is nowhere to, or no step to go on with."""
        if self.checkpoints is None or self.is_over:
            return
        began = time.monotonic()
        record = {
            "window": self.log.window(self.done),
            "waited": self.stopping.waited if self.stopping else 0,
            "processes": world_size(),
        }
        best = self.stopping.best if self.stopping else None
        if self.held.is_writer:
            self.checkpoints.save(Checkpoint(self.done, self.held.kept(self._tensors()), best, record))
        self.save_schedule.begin(self.done, time.monotonic() - began)

    def finish(self) -> None:
        """Report what is left, and let the module hold its final weights, in every process."""
        self.log.report(self.done, self.rate)
        if self.average:
            self.average.put_in_place()
        if self.stopping:
            self.stopping.put_best_in_place()
        self.held.be_alike()

    def _tensors(self) -> Tensors:
        """All tensors of the training as they are now, not copied."""
        averages = self.average.averages if self.average else {}
        return {
            **{MODULE + name: tensor for name, tensor in self.module.state_dict(keep_vars=True).items()},
            **{OPTIMISER + name: tensor for name, tensor in optimiser_tensors(self.optimiser).items()},
            **{AVERAGE + name: tensor for name, tensor in averages.items()},
        }

    def _blank_tensors(self) -> Tensors:
        """The same before the first step, moments included."""
        self.held.start_moments(self.optimiser)
        return self._tensors()

    def _resume(self) -> None:
        """Go on from the newest intact checkpoint, if there is one."""
        found = self.checkpoints.newest(self._blank_tensors) if self.checkpoints else None
        start = found.step if found else 0
        if first_says(start) != start:
            raise LampError("the processes do not see the same checkpoints; they must share the folder")
        if found is None:
            return
        _tell_of_other_processes(found)
        self.done = start
        self.module.load_state_dict(_part(found.tensors, MODULE))
        restore_optimiser(self.optimiser, _part(found.tensors, OPTIMISER))
        if self.average:
            self.average.restore(_part(found.tensors, AVERAGE))
        if self.stopping:
            self.stopping.restore(found.best, found.record["waited"])
        self.log.restore(found.record["window"])


def _tell_of_other_processes(found: Checkpoint) -> None:
    """Say that a checkpoint was written by more processes or fewer, which share the same batches."""
    wrote, now = found.record.get("processes", world_size()), world_size()
    if is_first() and wrote != now:
        told = f"checkpoint step-{found.step:06d} is of a training in {wrote} processes; it goes on in {now}"
        warnings.warn(CheckpointWarning(told), stacklevel=2)


def _part(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
