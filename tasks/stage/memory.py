"""What a stage remembers until its output is versioned: checkpoints, curves, MLflow run, and that it ended.

The memory is a folder for each key of parameters, code and inputs. It outlives the stage's process, since
whoever started that (the flow, DVC) may be killed between the stage's end and the note of it in ``dvc.lock``:
the stage is then started again, finds what it wrote, and has nothing to compute.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lamp_core.config import load_params
from lamp_core.io.disk import write_text
from tasks.dvc.content import folder_hash, input_key, read_inputs
from tasks.dvc.graph import Stage
from tasks.project import Project
from tasks.stage.output import replace_by_link

KEPT_FOR_CALLER = "LAMP_KEEP_CHECKPOINTS"
"""Set by who forgets the memory itself, once the output is versioned."""
FORGOTTEN = ".forgotten-"


@dataclass(frozen=True)
class StageMemory:
    """The memory in a folder, which need not exist yet."""

    folder: Path

    @property
    def training(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "training"

    @property
    def curves(self) -> Path:
        """Numbers by step."""
        return self.folder / "curves.csv"

    @property
    def run(self) -> Path:
        """The stage's MLflow run."""
        return self.folder / "run.json"

    @property
    def _ending(self) -> Path:
        return self.folder / "ended.json"

    @property
    def run_id(self) -> str | None:
        """The stage's MLflow run; None before it has one."""
        return remembered_run(self.run)

    @property
    def output(self) -> Path:
        """What a stage that ended well wrote, by links: the snapshot that it ran in may be gone."""
        return self.folder / "output"

    def note_end(self, output: Path, metrics: Mapping[str, float | None]) -> None:
        """Remember that the stage ended well, with which output and metrics."""
        replace_by_link(output, self.output)
        text = json.dumps({"output": folder_hash(output), "metrics": dict(metrics)})
        write_text(self._ending, text, "the note of the stage's end")

    def metrics(self) -> dict[str, float | None] | None:
        """The metrics of a stage that ended well, whose output is remembered whole; None of any other."""
        try:
            ending = json.loads(self._ending.read_text())
            return dict(ending["metrics"]) if ending["output"] == folder_hash(self.output) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self) -> None:
        """Remove the memory as a whole: half of it would be a wrong one."""
        gone = self.folder.with_name(f"{FORGOTTEN}{self.folder.name}")
        shutil.rmtree(gone, ignore_errors=True)
        if self.folder.exists():
            os.replace(self.folder, gone)
            shutil.rmtree(gone, ignore_errors=True)


def remembered_run(file: Path) -> str | None:
    """The MLflow run that a file remembers; None without the file, or where a crash left half of it."""
    try:
        return str(json.loads(file.read_text())["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def has_checkpoint(project: Project, stage: Stage) -> bool:
    """Whether a stage with the parameters, code and inputs of now would go on from a checkpoint."""
    params = load_params(project.params_file).model_dump(mode="json")
    memory = StageMemory(
        project.checkpoint_folder(stage.name) / input_key(read_inputs(project, stage, params))
    )
    return any(memory.training.glob("*"))


def forget_ended(stage_folder: Path) -> None:
    """Remove those memories of a stage that tell of an end, and what is left of forgotten ones."""
    for gone in stage_folder.glob(f"{FORGOTTEN}*"):
        shutil.rmtree(gone, ignore_errors=True)
    for note in stage_folder.glob("*/ended.json"):
        StageMemory(note.parent).forget()
