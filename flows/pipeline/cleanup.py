"""What a killed process leaves open is closed by the next command: MLflow runs, Prefect flow runs, progress.

DVC's locks and a stage's old output are looked after where DVC is called (`tasks.dvc.versions`).
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING
from uuid import UUID

from flows.pipeline.run_records import RunRecord, read_records, write_record
from tasks.dvc.snapshot import mend_lock, mend_rwlock
from tasks.project import Project, write_atomically
from tasks.stage.holding import holder
from tasks.stage.progress import read_progress

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Say = Callable[[str], None]


def look_after_killed(project: Project, say: Say) -> None:
    """Note runs and stages whose process was killed, and close their MLflow runs.

    Costs next to nothing when there is none.
    """
    if mend_lock(project):
        say("dvc.lock was cut off by a killed DVC; its last entry is dropped, the next run restores it")
    if mend_rwlock(project):
        say("DVC's note of who reads and writes (.dvc/tmp/rwlock) was cut off by a killed DVC; it is removed")
    silent = [record for record in read_records(project) if record.ending == "running"]
    runs = [record for record in silent if record.state == "killed"]
    stages = _killed_stages(project)
    if not runs and not stages:
        return
    from tasks.mlflow.store import StoreAway
    from tasks.mlflow.tracking import Tracking

    closed = 0
    with suppress(StoreAway):  # by the next command that reaches the server
        closed = Tracking(project).close_dead()
    for record in runs:
        write_record(project, replace(record, ending="killed"))
        say(f"run {record.name} ({record.run_id[:8]}) was killed; `lamp resume` goes on with it")
    for name in stages:
        say(f"stage {name} was killed; `lamp run` goes on from its last checkpoint")
    if closed:
        say(f"MLflow: {closed} {'runs' if closed > 1 else 'run'} closed as KILLED")


def send_what_was_kept(project: Project, say: Say) -> None:
    """Send what runs have kept for MLflow, that of killed ones and that of a server that was away.

    Costs nothing where there is none, or where a run that lives sends it.
    """
    from tasks.mlflow.store import outbox_of, server_page

    outbox = outbox_of(project)
    if outbox.is_empty or outbox.is_attended:
        return
    from tasks.mlflow.tracking import Tracking

    page = server_page(project)
    if not Tracking(project).flush():
        say(f"MLflow at {page} does not answer; what runs have kept for it waits")
    elif page is not None:
        say(f"MLflow at {page} is back: what runs have kept for it was sent")


def _killed_stages(project: Project) -> list[str]:
    """Stages whose process is gone without a word; they are noted as killed."""
    killed: list[str] = []
    for path in sorted(project.progress_file("any").parent.glob("*.json")):
        progress = read_progress(path)
        if progress is None or progress.state != "running" or progress.is_alive or holder(project, path.stem):
            continue
        write_atomically(path, json.dumps(asdict(replace(progress, state="killed", error="killed"))))
        killed.append(path.stem)
    return killed


def close_flow_runs(project: Project) -> None:
    """Close the Prefect flow runs that killed processes left open, or that ended while the server was away.

    Called where Prefect's server is up.
    """
    left = [record for record in read_records(project) if record.is_open and record.state != "running"]
    if left:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            for record in left:
                _close(client, record)
                write_record(project, replace(record, ending=record.state, is_open=False))


def _close(client: "SyncPrefectClient", record: RunRecord) -> None:
    """Mark a flow run and its task runs as the record says, unless they have ended."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterId,
        FlowRunFilterName,
        TaskRunFilter,
        TaskRunFilterFlowRunId,
    )
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Crashed, Failed

    away = "ended while the server was away"
    endings: dict[str, State[None]] = {
        "finished": Completed(message=away),
        "failed": Failed(message=f"{away}; failed: {', '.join(record.failed)}"),
    }
    ending = endings.get(record.state) or Crashed(message=f"its process {record.mark.pid} was killed")
    named = (
        FlowRunFilter(id=FlowRunFilterId(any_=[UUID(record.flow_run_id)]))
        if record.flow_run_id
        else FlowRunFilter(name=FlowRunFilterName(any_=[record.flow_run]))
    )
    for run in client.read_flow_runs(flow_run_filter=named):
        if run.state is None or run.state.is_final():
            continue
        client.set_flow_run_state(run.id, ending, force=True)
        of_run = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run.id]))
        for task in client.read_task_runs(task_run_filter=of_run):
            if task.state is not None and not task.state.is_final():
                client.set_task_run_state(task.id, ending, force=True)
