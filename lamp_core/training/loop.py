"""The one training loop."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.training.checkpoints import Checkpoints
from lamp_core.training.distribution import is_first
from lamp_core.training.learner import Losses
from lamp_core.training.log import LossLog, OnLog, OnProgress
from lamp_core.training.optimiser import EVEN, RateShares
from lamp_core.training.replicas import Replicas
from lamp_core.training.run import TrainingRun
from lamp_core.training.seeds import repeatable
from lamp_core.training.signals import stoppable, wanted
from lamp_core.training.validation import Validation


@dataclass(frozen=True)
class Fitted:
    """How a training ended.

    Args:
        steps: steps done.
        best_step: after which the weights were the best, which the module holds; None without validation.
        stopped_early: whether validation did not improve for too long.
    """

    steps: int
    best_step: int | None
    stopped_early: bool


def fit(
    module: nn.Module,
    losses: Losses,
    optimisation: Optimisation,
    *,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
    log_every: int = 20,
    validate: Validation | None = None,
    held: Replicas[Any] | None = None,
    shares: RateShares = EVEN,
) -> Fitted:
    """Train ``module``, going on from the last checkpoint when there is one.

    It ends with the best weights by validation, or else the average of the weights, or else the last ones.
    Under torchrun every process calls this, and the first alone writes checkpoints and reports. A process
    that is asked to end (`stopping`) saves itself after the present step.

    Args:
        module: what is trained and saved; parameters with ``requires_grad=False`` stay as they are.
        losses: builds a micro-batch (from 0, ``accumulate`` of them a step) and returns scalar losses by
            name; ``"loss"`` is minimised. All its randomness must come from the global generators, which are
            seeded by (seed, micro-batch).
        optimisation: steps, batch, learning rate, schedule, averaging, validation.
        checkpoints: folder of the checkpoints; none are written without it.
        on_log: called with (steps done, means of the losses since the last call and the learning rate), and
            with (steps done, numbers of a validation).
        on_progress: called with (steps done, steps, text) after every step.
        log_every: steps between two calls of ``on_log``.
        validate: measured every ``optimisation.validate_every`` steps, unless that is 0, and after the last.
        held: how the processes hold the module: each all of it, unless this says otherwise.
        shares: of the learning rate at which parameters learn, by name; 1 for those that are not named.

    Raises:
        LampError: the loss is not finite, or the disk is full.
    """
    held = held or Replicas(module)
    run = TrainingRun(
        held,
        losses,
        optimisation,
        checkpoints=Checkpoints(checkpoints, held.store) if checkpoints else None,
        log=LossLog(on_log, log_every),
        on_log=on_log,
        validation=validate,
        shares=shares,
    )
    module.train()
    with stoppable(), repeatable():
        while not run.is_over:
            _go_on(run, optimisation.steps, on_progress)
    run.finish()
    module.eval()
    return Fitted(run.done, run.best_step, stopped_early=run.done < optimisation.steps)


def _go_on(run: TrainingRun, steps: int, on_progress: OnProgress | None) -> None:
    """Make a step, and all that is due behind it; a process that is asked to end does so here."""
    run.step()
    if run.is_validation_due:
        run.validate()
    if on_progress and is_first():
        on_progress(run.done, steps, run.text)
    if run.is_checkpoint_due or wanted():
        run.save()
    if wish := wanted():
        raise wish
