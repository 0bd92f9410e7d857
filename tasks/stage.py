"""One DVC stage as a Prefect task."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prefect import task
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from tasks import resources
from tasks.graph import read_graph
from tasks.progress import Progress, read_progress
from tasks.project import Project
from tasks.tags import FLOW_RUN, PARENT_RUN
from tasks.versioning import RepositoryBusy, StageFailed, Versions

RETRIES = 5
FIRST_DELAY_SECONDS = 2
LOG_LINES_SHOWN = 12


@dataclass(frozen=True)
class Outcome:
    """How a stage ended in a run.

    Args:
        state: ``done`` when it ran; ``restored`` from DVC's run cache, or found unchanged; ``failed``.
        seconds: from its start to its end, DVC and MLflow included.
        run_id: the MLflow run of the stage's process; None when it did not run.
        error: one line, when it failed.
        log: the end of the stage's log, when it failed by a bug.
        is_bad_request: whether the failure is the user's to mend.
    """

    state: Literal["done", "restored", "failed"]
    seconds: float
    run_id: str | None = None
    error: str = ""
    log: str = ""
    is_bad_request: bool = False


def is_passing(task: Any, run: Any, state: Any) -> bool:
    """Whether a failure passes by itself: a lock does, bad data and bugs do not."""
    return isinstance(state.result(raise_on_failure=False), RepositoryBusy)


@task(
    name="stage",
    task_run_name="{name}",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(FIRST_DELAY_SECONDS),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_passing,
    persist_result=False,
)
def run_stage(
    root: Path, name: str, force: bool = False, parent_run: str | None = None
) -> "Outcome | State[Outcome]":
    """Bring one stage up to date with DVC; a stage that fails is a failed task whose result is its outcome.

    Raises:
        RepositoryBusy: another process holds a lock; Prefect tries again.
    """
    project = Project(root)
    versions = Versions(project, read_graph(project))
    started = time.time()
    environment = {"LAMP_THREADS": str(resources.threads_of_a_stage()), FLOW_RUN: _flow_run_id()}
    if parent_run:
        environment[PARENT_RUN] = parent_run
    failure: StageFailed | None = None
    ran = False
    try:
        ran = versions.reproduce(name, force=force, environment=environment)
    except StageFailed as error:
        failure = error
    progress = read_progress(project.progress_file(name))
    process = progress if progress is not None and progress.started >= started else None
    if failure is not None:
        outcome = _failed(project, name, process, failure, time.time() - started)
        return Failed(message=outcome.error, data=outcome)
    return Outcome("done" if ran else "restored", time.time() - started, process.run_id if process else None)


def _failed(
    project: Project, name: str, process: Progress | None, failure: StageFailed, seconds: float
) -> Outcome:
    """What the stage's process said of its failure, or else DVC."""
    log = project.log_file(name).read_text(errors="replace").splitlines()
    if process is None:
        errors = [line.removeprefix("ERROR: ") for line in log if line.startswith("ERROR:")]
        return Outcome("failed", seconds, error=errors[-1] if errors else str(failure), log=_end(log))
    if process.state == "running":
        return Outcome("failed", seconds, process.run_id, error="its process was killed", log=_end(log))
    bad = process.is_bad_request
    return Outcome("failed", seconds, process.run_id, process.error, "" if bad else _end(log), bad)


def _end(log: list[str]) -> str:
    return "\n".join(log[-LOG_LINES_SHOWN:])


def _flow_run_id() -> str:
    context = TaskRunContext.get()
    return str(context.task_run.flow_run_id or "") if context else ""
