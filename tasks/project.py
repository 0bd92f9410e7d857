"""The project folder: where a run finds its parameters, data, logs and checkpoints."""

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from lamp_core.errors import LampError
from lamp_core.io.disk import is_full, no_room
from tasks.stages.catalogue import CATALOGUE

GRAPH_FILE, LOCK_FILE = "dvc.yaml", "dvc.lock"


@dataclass(frozen=True)
class Project:
    """The folder that holds ``dvc.yaml``; everything a run leaves behind lies in ``data`` and ``.lamp``.

    Args:
        root: the folder.
        origin: of a snapshot, the project that it was taken of: logs, progress, checkpoints and the MLflow
            store stay there. None of a project by itself.
    """

    root: Path
    origin: Path | None = None

    @property
    def home(self) -> Path:
        """The folder that keeps what outlives a run: its own, or that of the project it is a snapshot of."""
        return self.origin or self.root

    @property
    def graph_file(self) -> Path:
        """The graph of the stages."""
        return self.root / GRAPH_FILE

    @property
    def lock_file(self) -> Path:
        """What DVC recorded of each stage's last completed run."""
        return self.root / LOCK_FILE

    @property
    def params_file(self) -> Path:
        """The parameters of the workspace."""
        return self.root / "params.yaml"

    @property
    def data(self) -> Path:
        """Outputs of the stages, a folder each."""
        return self.root / "data"

    @property
    def state(self) -> Path:
        """Logs, progress, checkpoints and Prefect's database: nothing that DVC or git keep."""
        return self.home / ".lamp"

    @property
    def experiments(self) -> Path:
        """Numbers of the experiments, a folder each: an input of the report."""
        return self.data / "experiments"

    def output(self, stage: str) -> Path:
        """The folder that a stage writes."""
        return self.data / CATALOGUE.folder(stage)

    def metrics_file(self, stage: str) -> Path:
        """The metrics that a stage returned."""
        return self.data / "metrics" / f"{stage}.json"

    def log_file(self, stage: str) -> Path:
        """What the stage and DVC printed in the stage's last run."""
        return self.state / "logs" / f"{stage}.log"

    def progress_file(self, stage: str) -> Path:
        """Live progress of the stage, or how its last run ended."""
        return self.state / "progress" / f"{stage}.json"

    def checkpoint_folder(self, stage: str) -> Path:
        """Checkpoints of the stage, a folder for each key of parameters and inputs.

        They lie in ``.lamp``, or below ``LAMP_CHECKPOINTS``: a folder that several machines see lets one go
        on where another was killed.
        """
        shared = os.environ.get("LAMP_CHECKPOINTS")
        return (Path(shared) if shared else self.state / "checkpoints") / stage

    def pretrained_folder(self, key: str) -> Path:
        """A LaMP that an experiment pretrained for other data, by the key of its run."""
        return self.state / "experiments" / key / "pretrain"

    def hold_file(self, stage: str) -> Path:
        """The lock of the stage: who holds it runs the stage."""
        return self.state / "held" / f"{stage}.lock"

    @property
    def runs(self) -> Path:
        """Records of the pipeline runs, a folder each, by MLflow run."""
        return self.state / "runs"

    @property
    def snapshot_file(self) -> Path:
        """What a snapshot says of itself; no such file in a project by itself."""
        return self.root / ".lamp" / "snapshot.json"


def find_project(start: Path | None = None) -> Project:
    """Return the project that ``start`` (by default the present folder) lies in.

    Raises:
        LampError: neither the folder nor one above it holds ``dvc.yaml``.
    """
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / GRAPH_FILE).is_file():
            return Project(candidate, _origin_of(candidate))
    raise LampError(f"no {GRAPH_FILE} in {folder} or above it; change to the project's folder")


def _origin_of(folder: Path) -> Path | None:
    """The project that a snapshot was taken of; None for a project by itself."""
    note = Project(folder).snapshot_file
    origin = json.loads(note.read_text())["origin"] if note.exists() else None
    return Path(origin) if origin else None


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old content or the new, never a part.

    Raises:
        LampError: the disk is full; it says how many bytes the file needs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if is_full(error):
            raise no_room(path.parent, path.name, len(text.encode())) from error
        raise
