"""Stages one after the other in this process, on a few clips: no process, no DVC, no MLflow."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest
import torch

from lamp_core.config import Config
from tasks.stage.process import StageContext
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.inputs import measured


def run_stage(name: str, data: Path, config: Config) -> dict[str, float]:
    """Run a stage on what lies below a data folder, and return what it reports."""
    output = data / CATALOGUE.folder(name)
    output.mkdir(parents=True, exist_ok=True)
    context = StageContext(
        *(name, config, data, output, data / "checkpoints" / name, torch.device("cpu")),
        on_log=lambda step, scalars: None,
        on_progress=lambda done, total, text: None,
    )
    module = import_module(f"tasks.stages.{CATALOGUE.stages[name].module}")
    return dict(module.run(context))


def run_stages(names: Iterable[str], data: Path, config: Config) -> dict[str, dict[str, float]]:
    """What every stage reports, run in this order; results stand under a run that is called ``run``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "model_run", lambda project, measured_by: "run")
        return {name: run_stage(name, data, config) for name in names}
