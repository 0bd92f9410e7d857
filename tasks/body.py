"""What every stage's process does around the stage's own work.

It reads the parameters, seeds, picks device and threads, lets the stage write into a temporary folder, swaps
that in, and reports: progress to the flow, curves and metrics to MLflow and to ``data/metrics``. A stage that
fails or is killed leaves the output of before and its checkpoints.

Under torchrun (``torchrun --nproc-per-node 2 -m tasks.pretrain``) the first process does all that; the others
take part in the training, and end.
"""

import csv
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import torch

from lamp_core.config import Config, load_params
from lamp_core.errors import LampError
from lamp_core.training import OnLog, OnProgress
from lamp_core.training.distribution import leave_group, process_group
from lamp_core.training.sampling import seed_everything
from tasks import resources
from tasks.graph import read_graph
from tasks.progress import ProgressWriter, process_exists
from tasks.project import Project, find_project, write_atomically
from tasks.stage_run import StageRun
from tasks.tags import PARENT_RUN, origin_tags
from tasks.tracking import STAGE, Tracking, flatten
from tasks.versioning import input_key, put_back

CURVES = "curves.csv"
TRAINING = "training"
TEMPORARY = "tmp"
BAD_REQUEST, BUG, KILLED = 2, 1, 130

StageFunction = Callable[["StageContext"], Mapping[str, float]]


@dataclass(frozen=True)
class StageContext:
    """What a stage's function gets.

    Args:
        name: of the stage.
        config: the whole of ``params.yaml``.
        data: the project's data folder.
        output: an empty folder to write to; it becomes ``data/NAME`` when the function returns.
        checkpoints: folder that survives a kill; other parameters, code or inputs have another one.
        device: where to compute.
        on_log: keeps numbers of a step: a point of each curve, in ``curves.csv`` and in MLflow.
        on_progress: shows how far the stage is: units done, units in all, and what to say beside them.
    """

    name: str
    config: Config
    data: Path
    output: Path
    checkpoints: Path
    device: torch.device
    on_log: OnLog
    on_progress: OnProgress

    def input(self, stage: str) -> Path:
        """The folder that another stage wrote."""
        return self.data / stage

    def end_helpers(self) -> None:
        """Training is over: end the processes of torchrun but the first, which does the rest alone."""
        leave_group()
        if not resources.is_first_process():
            raise TookPart


class TookPart(BaseException):
    """This process has taken part in the training, which is all that it is for."""


class Killed(BaseException):
    """The process was told to end."""


def main(name: str, run: StageFunction) -> NoReturn:
    """Run a stage in this process and end it: status 0, 2 for a request that cannot be met, 1 for a bug."""
    if not resources.is_first_process():
        _take_part(name, run)
    try:
        project = find_project()
        progress = ProgressWriter(project.progress_file(name))
    except LampError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_REQUEST)
    try:
        with _terminable():
            _execute(project, name, run, progress)
    except LampError as error:
        progress.end("failed", str(error), is_bad_request=True)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_REQUEST)
    except Killed:
        progress.end("killed", "interrupted")
        print(f"{name}: interrupted; its checkpoints are kept", file=sys.stderr)
        sys.exit(KILLED)
    except Exception as error:
        traceback.print_exc()
        progress.end("failed", f"{type(error).__name__}: {error}")
        sys.exit(BUG)
    progress.end("done")
    sys.exit(0)


def _take_part(name: str, run: StageFunction) -> NoReturn:
    """Train along with the first process, and end without having written anything."""
    try:
        project = find_project()
        config, device, memory = _prepare(project, name)
        with _terminable(), process_group(device), tempfile.TemporaryDirectory() as scratch:
            run(
                StageContext(
                    name,
                    config,
                    project.data,
                    Path(scratch),
                    memory / TRAINING,
                    device,
                    on_log=lambda step, scalars: None,
                    on_progress=lambda done, total, text: None,
                )
            )
    except TookPart:
        pass
    except LampError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_REQUEST)
    except Killed:
        sys.exit(KILLED)
    sys.exit(0)


def _execute(project: Project, name: str, run: StageFunction, progress: ProgressWriter) -> None:
    """Run the stage's function and put what it wrote and returned into place."""
    put_back(project, read_graph(project).require(name))
    config, device, memory = _prepare(project, name)
    with (
        process_group(device),
        _tracked(project, name, config, memory, str(device), progress) as stage_run,
        _new_folder(project.output(name)) as output,
    ):
        curves = Curves(memory / CURVES)

        def on_log(step: int, scalars: Mapping[str, float]) -> None:
            curves.add(step, scalars)
            stage_run.log(step, scalars)

        training = memory / TRAINING
        context = StageContext(name, config, project.data, output, training, device, on_log, progress.advance)
        metrics = {key: float(value) for key, value in run(context).items()}
        curves.write(output / CURVES)
        swap(output, project.output(name))
        _write_metrics(project.metrics_file(name), metrics)
        stage_run.log(0, {f"{name}/{key}": value for key, value in metrics.items()})
    shutil.rmtree(memory, ignore_errors=True)


def _prepare(project: Project, name: str) -> tuple[Config, torch.device, Path]:
    """Read the parameters and set this process up; return them, its device, and the folder that survives."""
    config = load_params(project.params_file)
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    seed_everything(0)
    key = input_key(project, read_graph(project).require(name), config.model_dump(mode="json"))
    return config, device, project.checkpoint_folder(name) / key


@contextmanager
def _tracked(
    project: Project, name: str, config: Config, memory: Path, device: str, progress: ProgressWriter
) -> Iterator[StageRun]:
    """The stage's MLflow run, closed as the stage ends: FINISHED, FAILED or KILLED."""
    section = getattr(config, name, None)
    stage_run = StageRun(
        Tracking(project),
        name,
        {**origin_tags(project, config), "kind": STAGE, "stage": name, "device": device},
        flatten(section.model_dump(mode="json"), f"{name}.") if section is not None else {},
        parent=os.environ.get(PARENT_RUN) or None,
        memory=memory / "run.json",
        on_start=progress.tracked_as,
    )
    try:
        yield stage_run
    except Killed:
        stage_run.finish("KILLED")
        raise
    except BaseException:
        stage_run.finish("FAILED")
        raise
    stage_run.finish("FINISHED")


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """An empty folder beside ``output``, removed when the stage fails; those of killed processes go first."""
    _clear_leftovers(output)
    folder = output.with_name(f".{output.name}.{TEMPORARY}-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_leftovers(output: Path) -> None:
    """Remove what killed processes left; an output that one had just moved aside goes back into place."""
    for left in output.parent.glob(f".{output.name}.{TEMPORARY}-*"):
        if process_exists(int(left.name.rpartition("-")[2])):
            continue
        if left.name.startswith(f".{output.name}.{TEMPORARY}-old-") and not output.exists():
            left.rename(output)
        else:
            shutil.rmtree(left)


def swap(new: Path, output: Path) -> None:
    """Put a finished folder in the place of the output by two renames."""
    old = output.with_name(f".{output.name}.{TEMPORARY}-old-{os.getpid()}")
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    new.rename(output)
    shutil.rmtree(old, ignore_errors=True)


class Curves:
    """Numbers by step, in a file that survives a kill.

    A resumed stage goes on with it; a step that it repeats counts once.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a", newline="", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append the numbers of a step."""
        self._writer.writerows([step, name, repr(float(value))] for name, value in scalars.items())

    def write(self, path: Path) -> None:
        """Write ``curves.csv`` (step, name, value), unless the stage wrote its own or logged nothing."""
        self._file.close()
        points: dict[tuple[str, str], str] = {}
        with self._path.open(newline="") as rows:
            points.update({(row[0], row[1]): row[2] for row in csv.reader(rows) if len(row) == 3})
        if not points or path.exists():
            return
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("step", "name", "value"))
            writer.writerows((*key, value) for key, value in points.items())


def _write_metrics(path: Path, metrics: Mapping[str, float]) -> None:
    """Write the metrics as JSON, a number that is not finite as null."""
    values = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    write_atomically(path, json.dumps(values, indent=2) + "\n")


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into `Killed`, so that the stage closes what it opened."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Killed

    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
