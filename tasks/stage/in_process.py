"""A stage in this process, by its function alone: without DVC, MLflow and a project around it."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch

from lamp_core.config import Config
from lamp_core.training.log import OnLog, OnProgress
from tasks.stage.process import StageContext
from tasks.stages.catalogue import CATALOGUE

CPU = torch.device("cpu")


def no_log(step: int, scalars: Mapping[str, float]) -> None:
    """Keep nothing."""


def no_progress(done: int, total: int, text: str) -> None:
    """Show nothing."""


def run_stage(
    name: str,
    data: Path,
    config: Config,
    *,
    device: torch.device = CPU,
    output: Path | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog = no_log,
    on_progress: OnProgress = no_progress,
) -> dict[str, float]:
    """Run a stage on what lies below a data folder, and return what it reports.

    Args:
        name: of the stage.
        data: the folder; the stages that it reads have written there.
        config: of all stages.
        device: where to compute.
        output: what it writes to, made where it is missing; its place below the data folder without it.
        checkpoints: folder of its checkpoints; one below the data folder without it.
        on_log: told the numbers of steps.
        on_progress: told how far the stage is.

    Raises:
        LampError: what the stage reads is missing, or its parameters cannot be met.
    """
    output = output or data / CATALOGUE.folder(name)
    output.mkdir(parents=True, exist_ok=True)
    context = StageContext(
        name,
        config,
        data,
        output,
        checkpoints or data / "checkpoints" / name,
        device,
        on_log=on_log,
        on_progress=on_progress,
    )
    module = import_module(f"tasks.stages.{CATALOGUE.stages[name].module}")
    return dict(module.run(context))
