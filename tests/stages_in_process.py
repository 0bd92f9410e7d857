"""Stages one after the other in this process, on a few clips: no process, no DVC, no MLflow."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from lamp_core.config import Config
from tasks.stage.in_process import run_stage as run_stage
from tasks.stages.inputs import measured


def run_stages(names: Iterable[str], data: Path, config: Config) -> dict[str, dict[str, float]]:
    """What every stage reports, run in this order; results stand under a run that is called ``run``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "model_run", lambda project, measured_by: "run")
        return {name: run_stage(name, data, config) for name in names}
