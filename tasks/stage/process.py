"""What every stage's process does around the stage's own work.

It reads the parameters, seeds, picks device and threads, lets the stage write into a temporary folder, swaps
that in, and reports: progress to the flow, curves and metrics to MLflow and to ``data/metrics``. A stage that
fails or is killed leaves the output of before and its checkpoints; one that is told to end while it trains
writes a checkpoint first.

Under torchrun (``torchrun --nproc-per-node 2 -m tasks.stages.pretrain``) the first process does all that; the
others take part in the training, and end.
"""

import json
import math
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

import torch

from lamp_core.config import Config, Section, load_params
from lamp_core.errors import LampError
from lamp_core.io.disk import is_full, no_room, replacing, sync, sync_tree
from lamp_core.training.checkpoints import CheckpointWarning
from lamp_core.training.distribution import leave_group, process_group
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.seeds import seed_everything
from tasks.dvc.content import input_key, read_inputs
from tasks.dvc.graph import read_graph
from tasks.dvc.snapshot import used
from tasks.mlflow.store import STAGE
from tasks.mlflow.system_metrics import first_start, sampled
from tasks.mlflow.tags import PARENT_RUN, origin_tags
from tasks.mlflow.tracking import Tracking, flatten
from tasks.project import Project, find_project
from tasks.stage.curves import Curves
from tasks.stage.launch import go_on_in_several_processes
from tasks.stage.memory import KEPT_FOR_CALLER, StageMemory
from tasks.stage.mlflow_run import StageRun
from tasks.stage.output import new_folder, replace_by_link, swap
from tasks.stage.process_lock import only_process
from tasks.stage.progress import ProgressWriter, State
from tasks.stage.termination import Killed, terminable
from tasks.stages.catalogue import CATALOGUE
from tasks.system import resources
from tasks.system.exit_status import FAILED, INTERRUPTED
from tasks.system.orphans import end_with_parent
from tasks.system.redaction import masked, refuse, warn

CURVES = "curves.csv"

StageFunction = Callable[["StageContext"], Mapping[str, float]]
Settings = TypeVar("Settings", bound=Section)


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

    def input(self, kind: str) -> Path:
        """The folder of the stage that it reads of this name, or of this module."""
        return self.data / CATALOGUE.folder(CATALOGUE.input_of(self.name, kind))

    @property
    def inputs(self) -> list[Path]:
        """The folders of all stages that it reads or shows."""
        known = CATALOGUE.stages[self.name]
        return [self.data / CATALOGUE.folder(name) for name in (*known.reads, *known.shows)]

    def settings(self, kind: type[Settings]) -> Settings:
        """The stage's own section of the parameters.

        Args:
            kind: the model of the section.

        Raises:
            LampError: the catalogue names a section of another kind.
        """
        name = CATALOGUE.section(self.name)
        section = getattr(self.config, name, None)
        if not isinstance(section, kind):
            raise LampError(f"stage '{self.name}': section '{name}' of params.yaml is no {kind.__name__}")
        return section

    def end_helpers(self) -> None:
        """Training is over: end the processes of torchrun but the first, which does the rest alone."""
        leave_group()
        if not resources.is_first_process():
            raise TookPart


class TookPart(BaseException):
    """This process has taken part in the training, which is all that it is for."""


def main(name: str, run: StageFunction) -> NoReturn:
    """Run a stage in this process and end it: status 0, 2 for a request that cannot be met, 1 for a bug.

    Args:
        name: of the stage; ``--stage NAME`` on the command line runs another one of the same module.
        run: the stage's function.
    """
    end_with_parent()
    name = _asked_stage(name)
    go_on_in_several_processes(name)
    if not resources.is_first_process():
        _take_part(name, run)
    with ExitStack() as held:
        try:
            project = find_project()
            held.enter_context(
                only_process(project.hold_file(name).with_suffix(".process"), f"stage '{name}'")
            )
            held.enter_context(used(project))
            held.enter_context(_checkpoint_warnings(name))
            progress = ProgressWriter(project.progress_file(name))
        except LampError as error:
            refuse(error)
        sys.exit(_status_of(project, name, run, progress))


def _asked_stage(module: str) -> str:
    """The stage that the command line names, or the one of the module's name."""
    if sys.argv[1:2] != ["--stage"]:
        return module
    name = sys.argv[2] if len(sys.argv) > 2 else ""
    known = [stage.name for stage in CATALOGUE.stages.values() if stage.module == module]
    if name not in known:
        refuse(f"no stage '{name}' of {module}; known: {', '.join(known)}")
    return name


def _status_of(project: Project, name: str, run: StageFunction, progress: ProgressWriter) -> int:
    """Run the stage, say how it ended, and return its exit status."""
    try:
        with terminable():
            _execute(project, name, run, progress)
    except Killed:
        _end(progress, "killed", "interrupted")
        print(f"{name}: interrupted; its checkpoints are kept", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        told = no_room(project.state, "what the stage notes", 1, is_least=True) if is_full(error) else error
        if isinstance(told, LampError):
            _end(progress, "failed", str(told), is_bad_request=True)
            refuse(told)
        print(masked(traceback.format_exc()), file=sys.stderr)
        _end(progress, "failed", f"{type(error).__name__}: {error}")
        return FAILED
    _end(progress, "done")
    return 0


def _end(progress: ProgressWriter, state: State, error: str = "", *, is_bad_request: bool = False) -> None:
    """Note how the stage ended, if the disk lets it."""
    try:
        progress.end(state, masked(error), is_bad_request=is_bad_request)
    except (OSError, LampError) as cause:
        warn(f"how the stage ended is not noted for the flow: {cause}")


def _take_part(name: str, run: StageFunction) -> NoReturn:
    """Train along with the first process, and end without having written anything."""
    try:
        project = find_project()
        config, device, memory, _ = _prepare(project, name)
        with terminable(), process_group(device), tempfile.TemporaryDirectory() as scratch:
            run(
                StageContext(
                    name,
                    config,
                    project.data,
                    Path(scratch),
                    memory.training,
                    device,
                    on_log=lambda step, scalars: None,
                    on_progress=lambda done, total, text: None,
                )
            )
    except TookPart:
        pass
    except LampError as error:
        refuse(error)
    except Killed:
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _execute(project: Project, name: str, run: StageFunction, progress: ProgressWriter) -> None:
    """Run the stage's function and put what it wrote and returned into place, unless that was done before."""
    config, device, memory, inputs = _prepare(project, name)
    if _ended_before(project, name, memory, progress):
        return
    with (
        process_group(device),
        _tracked(project, name, config, memory, str(device), progress) as stage_run,
        new_folder(project.output(name)) as output,
    ):
        curves = Curves(memory.curves)

        def on_log(step: int, scalars: Mapping[str, float]) -> None:
            curves.add(step, scalars)
            stage_run.log(step, scalars)

        context = StageContext(
            name, config, project.data, output, memory.training, device, on_log, progress.advance
        )
        metrics = {key: float(value) for key, value in run(context).items()}
        curves.write(output / CURVES)
        sync_tree(output)
        _require_same(inputs, _inputs(project, name), name)
        with _metrics_written(project.metrics_file(name), metrics):
            swap(output, project.output(name))
        stage_run.keep(project.output(name), metrics)
        stage_run.log(0, {f"{name}/{key}": value for key, value in metrics.items()})
    if os.environ.get(KEPT_FOR_CALLER):
        memory.note_end(project.output(name), _as_json(metrics))
    else:
        memory.forget()
    _require_same(inputs, _inputs(project, name), name)  # DVC reads them when this process has ended


def _ended_before(project: Project, name: str, memory: StageMemory, progress: ProgressWriter) -> bool:
    """Whether the stage ended well, and whoever started it was killed before the output was versioned."""
    metrics = memory.metrics()
    if metrics is None or resources.is_one_of_many():  # the others would wait for this process
        return False
    print(f"{name}: it had ended already, and its output is kept; nothing to compute", file=sys.stderr)
    with _metrics_written(project.metrics_file(name), metrics):
        replace_by_link(memory.output, project.output(name))
    if run_id := memory.run_id:
        progress.tracked_as(run_id)
    return True


def _prepare(project: Project, name: str) -> tuple[Config, torch.device, StageMemory, dict[str, str]]:
    """Set this process up; return parameters, device, the memory that survives, and all that it reads."""
    config = load_params(project.params_file)
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    seed_everything(0)
    inputs = _inputs(project, name)
    return config, device, StageMemory(project.checkpoint_folder(name) / input_key(inputs)), inputs


def _inputs(project: Project, name: str) -> dict[str, str]:
    """All that decides what the stage computes, as it is now."""
    params = load_params(project.params_file).model_dump(mode="json")
    return read_inputs(project, read_graph(project).require(name), params)


def _require_same(before: Mapping[str, str], now: Mapping[str, str], name: str) -> None:
    """Raise when an input is not what the stage has read: DVC would note the output under the new one.

    Raises:
        LampError: it names what changed.
    """
    changed = [each for each in {**before, **now} if before.get(each) != now.get(each)]
    if changed:
        raise LampError(
            f"{', '.join(changed)} changed while '{name}' ran; its output is of what was there before, "
            "and is not kept. Run it again, or use `lamp run`, which works in a snapshot"
        )


@contextmanager
def _tracked(
    project: Project, name: str, config: Config, memory: StageMemory, device: str, progress: ProgressWriter
) -> Iterator[StageRun]:
    """The stage's MLflow run, closed as the stage ends: FINISHED, FAILED or KILLED."""
    section = getattr(config, CATALOGUE.section(name), None)
    since = first_start(memory.run.with_name("started"))
    tracking = Tracking(project)
    start = partial(
        tracking.start,
        name,
        {**origin_tags(project, config), "kind": STAGE, "stage": name, "device": device},
        flatten(section.model_dump(mode="json"), f"{name}.") if section is not None else {},
        parent=os.environ.get(PARENT_RUN) or None,
    )
    on_start = partial(progress.tracked_as, since=since)
    stage_run = StageRun(tracking, name, start, memory=memory.run, on_start=on_start)
    by_hand = not os.environ.get(KEPT_FOR_CALLER)
    try:
        with sampled(stage_run.log, os.getpid(), since) if by_hand else nullcontext():
            yield stage_run
    except Killed:
        stage_run.finish("KILLED")
        raise
    except BaseException:
        stage_run.finish("FAILED")
        raise
    stage_run.finish("FINISHED")


@contextmanager
def _metrics_written(path: Path, metrics: Mapping[str, float | None]) -> Iterator[None]:
    """Write the metrics as JSON; they take their place after what is done inside, and the disk has room."""
    text = json.dumps(_as_json(metrics), indent=2) + "\n"
    with replacing(path, len(text.encode()), "the metrics") as temporary:
        temporary.write_text(text)
        sync(temporary)
        yield


def _as_json(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Metrics, with null for a number that is not finite."""
    return {
        name: value if value is not None and math.isfinite(value) else None for name, value in metrics.items()
    }


@contextmanager
def _checkpoint_warnings(name: str) -> Iterator[None]:
    """Say what checkpoints are passed over in the stage's log, a line each."""

    def show(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
        if issubclass(category, CheckpointWarning):
            print(f"{name}: warning: {message}", file=sys.stderr)
        else:
            as_before(message, category, *place, **more)

    as_before: Callable[..., None] = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always", CheckpointWarning)
        warnings.showwarning = show
        yield
