"""One stage of a run, brought up to date with DVC, and how that ended."""

import os
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from lamp_core.errors import LampError
from lamp_core.io.disk import is_full, no_room
from tasks.dvc.graph import read_graph
from tasks.dvc.process import OnLine
from tasks.dvc.snapshot import bring_back
from tasks.dvc.versions import StageFailed, StageLate, Versions
from tasks.mlflow.store import outbox_of
from tasks.mlflow.tags import FLOW_RUN, PARENT_RUN
from tasks.project import Project
from tasks.stage.courier import carried
from tasks.stage.holding import StageHeld, Waits, always
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress, read_progress
from tasks.system import resources
from tasks.system.redaction import masked

LOG_LINES_SHOWN = 12
NO_SPACE = "No space left on device"


def bring_up_to_date(
    project: Project, name: str, *, force: bool = False, parent_run: str | None = None, waits: Waits = always
) -> Outcome:
    """Bring one stage up to date with DVC, and bring it back from a snapshot; a failure is an outcome too.

    What DVC and the stage print is in the log of the Prefect task run around it, line by line as it comes.

    Args:
        project: the project, or the snapshot that the run works in.
        name: of the stage.
        force: run it even when it is fresh.
        parent_run: MLflow run of the pipeline.
        waits: whether to wait while another process runs the stage.

    Raises:
        RepositoryBusy: another process holds a lock.
        RemoteUnreachable: DVC's remote cannot be reached.
    """
    versions = Versions(project, read_graph(project))
    started = time.time()
    environment = {"LAMP_THREADS": str(resources.threads_of_a_stage()), FLOW_RUN: _flow_run_id()}
    if parent_run:
        environment[PARENT_RUN] = parent_run
    failure: Exception | None = None
    ran, said = False, _Said()
    try:
        with carried(project, name):
            ran = versions.reproduce(
                name,
                force=force,
                waits=waits,
                environment=environment,
                on_line=_teller(project.root),
                on_end=partial(said.read, project, name),
            )
        bring_back(project, [name])
    except (StageFailed, StageHeld, LampError) as error:
        failure = error
    except OSError as error:
        if not is_full(error):
            raise
        failure = no_room(project.state, "what the run notes of the stage", _output_size(versions, name))
    process = _process(project, said.progress, started)
    if failure is not None:
        return _failed(versions, name, process, said.log, failure, time.time() - started)
    return Outcome("done" if ran else "restored", time.time() - started, process.run_id if process else None)


@dataclass
class _Said:
    """What a stage's process said of itself, read before another run may begin the stage.

    Args:
        progress: how far it came.
        log: all that it and DVC printed.
    """

    progress: Progress | None = None
    log: str = ""

    def read(self, project: Project, name: str) -> None:
        """Take it from the files that the next process of the stage writes anew."""
        self.progress = read_progress(project.progress_file(name))
        self.log = project.log_file(name).read_text(errors="replace")


def _process(project: Project, progress: Progress | None, started: float) -> Progress | None:
    """What the stage's process said, if there was one; its MLflow run by the id that the store gave it."""
    if progress is None or progress.started < started:
        return None
    run_id = progress.run_id
    return replace(progress, run_id=outbox_of(project).id_of(run_id) if run_id else None)


def _failed(
    versions: Versions,
    name: str,
    process: Progress | None,
    printed: str,
    failure: Exception,
    seconds: float,
) -> Outcome:
    """What the stage's process said of its failure, or else DVC."""
    run_id = process.run_id if process else None
    if isinstance(failure, LampError | StageHeld | StageLate):
        return Outcome("failed", seconds, run_id, str(failure), is_bad_request=True)
    project = versions.project
    log = masked(printed, project.root).splitlines()
    if process is None or process.state == "done":
        if any(NO_SPACE in line for line in log):
            error = no_room(
                project.root, f"the outputs of {name} in DVC's cache", _output_size(versions, name)
            )
            return Outcome("failed", seconds, run_id, str(error), is_bad_request=True)
        errors = [line.removeprefix("ERROR: ") for line in log if line.startswith("ERROR:")]
        return Outcome("failed", seconds, run_id, error=errors[-1] if errors else str(failure), log=_end(log))
    if process.state == "running":
        return Outcome("failed", seconds, run_id, error="its process was killed", log=_end(log))
    bad = process.is_bad_request
    return Outcome("failed", seconds, run_id, process.error, "" if bad else _end(log), bad)


def _teller(root: Path) -> OnLine | None:
    """What puts a line into the task run's log; None outside a task run."""
    if TaskRunContext.get() is None:
        return None
    log = get_run_logger()
    return lambda line: log.info("%s", masked(line, root))


def _output_size(versions: Versions, name: str) -> int:
    """Bytes of a stage's outputs."""
    outs = [versions.project.root / out for out in versions.graph[name].outs]
    files = [file for out in outs for file in (out.rglob("*") if out.is_dir() else [out]) if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _end(log: list[str]) -> str:
    return "\n".join(log[-LOG_LINES_SHOWN:])


def _flow_run_id() -> str:
    context = TaskRunContext.get()
    return str(context.task_run.flow_run_id or "") if context else os.environ.get(FLOW_RUN, "")
