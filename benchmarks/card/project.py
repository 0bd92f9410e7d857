"""A project in a folder: procedural clips and the models of every stage, each made when it is asked for."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

import torch
import yaml

from benchmarks.card.check import Failed, Form, Skipped
from benchmarks.card.draws import DrawnOnCpu
from benchmarks.card.settings import BATCH, SMALL, shortened, without_dropout
from lamp_core.config import Config, override, profile_config
from lamp_core.training.log import OnProgress
from lamp_core.training.loop import fit
from tasks.dvc.content import parameter_values
from tasks.stage.in_process import CPU, no_progress, run_stage
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.inputs import measured

STEPS = 6
DATA_SET = "procedural"
FAILED = "failed"
"""In the note of a stage that has not ended well."""


@dataclass(frozen=True)
class Curve:
    """The losses of a stage's steps; those of a second training of it behind those of the first."""

    losses: tuple[float, ...]

    def difference(self, other: "Curve") -> float:
        """Largest difference from another one's losses, as a share of those."""
        if len(self.losses) != len(other.losses):
            raise Failed(f"{len(self.losses)} losses were logged, and {len(other.losses)} beside them")
        pairs = zip(self.losses, other.losses, strict=True)
        return max((abs(mine - its) / abs(its) for mine, its in pairs), default=0.0)

    def __str__(self) -> str:
        return (
            " to ".join(f"{loss:.4f}" for loss in (self.losses[0], self.losses[-1]))
            if self.losses
            else "none"
        )


@dataclass
class _Losses:
    """Keeps the losses of what is logged."""

    losses: list[float] = field(default_factory=list)

    def __call__(self, step: int, scalars: Mapping[str, float]) -> None:
        if "loss" in scalars:
            self.losses.append(scalars["loss"])


@dataclass(frozen=True)
class CardProject:
    """A data folder on procedural clips.

    Args:
        data: the folder.
        config: of its stages.
        device: that its own stages run on.
    """

    data: Path
    config: Config
    device: torch.device = CPU

    def made(self, stage: str, on_progress: OnProgress = no_progress) -> Curve:
        """The losses of a stage of this project, which runs now, after those that it reads, if it has not.

        Raises:
            Skipped: a stage that it reads has failed before.
        """
        note = self.data / "made" / f"{stage}.json"
        if note.exists():
            return self._read(note, stage)
        self.prepare(stage)
        note.write_text(FAILED)  # it may take the process with it
        output = self.data / CATALOGUE.folder(stage)
        curve = self.run(stage, self.device, output=output, on_progress=on_progress)
        note.write_text(json.dumps(curve.losses))
        return curve

    def prepare(self, stage: str) -> None:
        """Run the stages that a stage reads, by its parameters too, where they have not run."""
        self._begin()
        declared = CATALOGUE.stages[stage]
        chosen = parameter_values(declared.chooses, self.config.model_dump()).values()
        for name in (*declared.reads, *chosen):
            self.made(name)

    def run(
        self,
        stage: str,
        device: torch.device,
        *,
        output: Path | None = None,
        config: Config | None = None,
        checkpoints: Path | None = None,
        on_progress: OnProgress = no_progress,
        is_drawn_on_cpu: bool = True,
    ) -> Curve:
        """Run a stage and return its losses; nothing of it stays unless output or checkpoints are named."""
        losses = _Losses()
        with (
            TemporaryDirectory() as scratch,
            DrawnOnCpu() if is_drawn_on_cpu else nullcontext(),
            patch.object(measured, "model_run", lambda project, measured_by: "card"),
            patch.dict(cast(Any, fit).__kwdefaults__, log_every=1),
        ):
            run_stage(
                stage,
                self.data,
                config or self.config,
                device=device,
                output=output or Path(scratch) / "output",
                checkpoints=checkpoints or Path(scratch) / "checkpoints",
                on_log=losses,
                on_progress=on_progress,
            )
        return Curve(tuple(losses.losses))

    def _begin(self) -> None:
        (self.data / "made").mkdir(parents=True, exist_ok=True)
        source = self.data / "sources" / f"{DATA_SET}.yaml"
        source.parent.mkdir(exist_ok=True)
        source.write_text(yaml.safe_dump({"name": DATA_SET, "kind": DATA_SET}))

    def _read(self, note: Path, stage: str) -> Curve:
        if (text := note.read_text()) == FAILED:
            raise Skipped(f"the stage {stage}, which it needs, has failed before")
        return Curve(tuple(json.loads(text)))


def small_project(form: Form) -> CardProject:
    """The project that devices are compared by: smallest sizes, float32, made on the CPU."""
    config = without_dropout(shortened(profile_config("smoke"), STEPS, batch_size=BATCH))
    return CardProject(form.folder / "small" / "data", override(config, SMALL))
