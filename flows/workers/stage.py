"""The deployment ``stage``: one stage on a worker.

The flow run checks the commit out in a workspace below the worker's clone, lets a process with that code
carry the stage out, and tells how far it is every few seconds: the worker's sign of life. A flow run that was
cancelled or given up, or that reaches the server no more, ends its stage with a checkpoint.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from httpx import HTTPError
from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from flows.workers.commits import workspace
from flows.workers.request import REPORT, StageReport, StageRequest
from lamp_core.errors import LampError
from tasks.mlflow.tags import FLOW_RUN
from tasks.project import Project, find_project
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress, read_progress
from tasks.system import resources
from tasks.system.orphans import lifeline_environment
from tasks.system.processes import send_signal
from tasks.system.redaction import masked

SECONDS_BETWEEN_REPORTS = 2.0
SECONDS_TO_END = 30.0
OUTAGE_SECONDS = 900.0
"""A server may be out of reach for this long; the stage goes on meanwhile."""
CANCELLED = {StateType.CANCELLING, StateType.CANCELLED}
GOES_ON = {StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED}


class Reporter:
    """Tells the server how far the stage is, and learns whether it is still wanted.

    Args:
        name: of the stage.
        client: of Prefect's server.
    """

    def __init__(self, name: str, client: SyncPrefectClient) -> None:
        self._name, self._client = name, client
        self._report = StageReport(machine=platform.node())
        self._bar = client.create_artifact(
            ArtifactCreate(type="progress", data=0.0, description=f"{name}: begins", flow_run_id=flow_run.id)
        ).id
        self._written = client.create_artifact(
            ArtifactCreate(type=REPORT, data=self._report.model_dump(), flow_run_id=flow_run.id)
        ).id
        self._reached, self._is_away = time.monotonic(), False
        self.is_cancelled = False

    def tell(self, progress: Progress | None, **ending: Any) -> None:
        """Send a report: for the run of the pipeline, and as a bar on the page of the flow run."""
        reached = progress or self._report.progress
        changes = {"beat": self._report.beat + 1, "progress": reached, **ending}
        self._report = self._report.model_copy(update=changes)
        self._client.update_artifact(self._written, ArtifactUpdate(data=self._report.model_dump()))
        if progress is not None and progress.total:
            text = f"{self._name}: {progress.done}/{progress.total} {progress.details}"
            share = round(100.0 * progress.done / progress.total, 1)
            self._client.update_artifact(self._bar, ArtifactUpdate(data=share, description=text))

    def tell_the_end(self, **ending: Any) -> None:
        """Send the last report, as soon as the server is back: what was computed is not lost by an outage."""
        until = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                return self.tell(None, **ending)
            except HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(SECONDS_BETWEEN_REPORTS)

    def is_wanted(self, progress: Progress | None) -> bool:
        """Report, and return whether the stage shall go on: False when it was cancelled or given up."""
        try:
            self.tell(progress)
            state = self._client.read_flow_run(flow_run.id).state
        except HTTPError as error:
            if not self._is_away:  # once an outage
                get_run_logger().warning("Prefect's server is out of reach (%s)", type(error).__name__)
            self._is_away = True
            return time.monotonic() - self._reached < OUTAGE_SECONDS
        self._reached, self._is_away = time.monotonic(), False
        self.is_cancelled = state is not None and state.type in CANCELLED
        return state is None or state.type in GOES_ON


@flow(name="stage", persist_result=False)
def stage(
    name: str,
    commit: str = "",
    params: str = "",
    lock: dict[str, dict[str, Any]] | None = None,
    force: bool = False,
    parent_run: str = "",
    cards: int = 1,
    nodes: int = 1,
) -> State[Any]:
    """Bring one stage of a commit up to date: pull its inputs, run it, push its outputs.

    Args:
        name: the stage.
        commit: 40 digits; empty: the commit that the worker's clone is at.
        params: text of params.yaml; empty: that of the commit.
        lock: entries in dvc.lock of the stages before it; empty: those of the commit.
        force: run it even when DVC knows its outputs.
        parent_run: MLflow run that its own is nested under.
        cards: processes a node that train it, with a card each where there are.
        nodes: nodes of the worker's Slurm job that train it.
    """
    request = StageRequest(
        name=name,
        commit=commit,
        params=params,
        lock=lock or {},
        force=force,
        parent_run=parent_run,
        cards=cards,
        nodes=nodes,
    )
    clone = find_project()
    with get_client(sync_client=True) as client:
        reporter = Reporter(name, client)
        try:
            request.check()
            with workspace(clone, request.commit) as place:
                answer = _carried_out(place, request, reporter)
        except LampError as error:
            failed = Outcome("failed", 0.0, error=str(error), is_bad_request=True)
            answer = {"outcome": failed, "entry": None}
        reporter.tell_the_end(**answer)
    outcome = answer["outcome"]
    if reporter.is_cancelled:
        return Cancelled(message="cancelled; what was trained is in its checkpoint")
    if outcome.state == "failed":
        return Failed(message=outcome.error)
    return Completed(message=f"{outcome.state} in {outcome.seconds:.1f} s")


def _carried_out(workspace: Project, request: StageRequest, reporter: Reporter) -> dict[str, Any]:
    """Let a process carry the request out, and watch it."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.workers.perform", str(answer)],
            cwd=workspace.root,
            env={**os.environ, **_environment(workspace), **resources.several(request.cards, request.nodes)},
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a signal to the group is for this process to pass on and wait for
        )
        assert process.stdin is not None
        process.stdin.write(request.model_dump_json())
        process.stdin.close()
        try:
            _watch(process, workspace, request.name, reporter)
        finally:
            _end(process, workspace, request.name)
        if not answer.exists():
            raise LampError(f"'{request.name}' was ended before its end (status {process.returncode})")
        told = StageReport.model_validate_json(answer.read_text())
        return {"outcome": told.outcome, "entry": told.entry}


def _environment(workspace: Project) -> dict[str, str]:
    clone = workspace.root.parent.parent
    return {
        **lifeline_environment(),
        FLOW_RUN: str(flow_run.id),
        "PYTHONPATH": str(workspace.root),
        "LAMP_PULL": "1",
        "LAMP_CHECKPOINTS": os.environ.get("LAMP_CHECKPOINTS") or str(clone / "checkpoints"),
    }


def _watch(process: "subprocess.Popen[str]", workspace: Project, name: str, reporter: Reporter) -> None:
    """Report until the process ends, and pass its log on line by line."""
    log, started = _Log(workspace.log_file(name)), time.time()
    while process.poll() is None:
        progress = read_progress(workspace.progress_file(name))
        is_its = progress is not None and progress.started >= started
        if not reporter.is_wanted(progress if is_its else None):
            get_run_logger().warning("'%s' is not wanted any more; it ends with a checkpoint", name)
            return
        log.pass_on()
        try:
            process.wait(SECONDS_BETWEEN_REPORTS)
        except subprocess.TimeoutExpired:
            continue
    log.pass_on()


def _end(process: "subprocess.Popen[str]", workspace: Project, name: str) -> None:
    """End a stage that still runs: it keeps its checkpoint, and the process around it says how it ended."""
    if process.poll() is not None:
        return
    progress = read_progress(workspace.progress_file(name))
    if progress is not None and progress.is_alive:
        send_signal(progress.pid, signal.SIGTERM)
    else:
        process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Log:
    """A stage's log file, passed on to Prefect's log as it grows.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self._before = path.stat().st_mtime_ns if path.exists() else 0

    def pass_on(self) -> None:
        """Pass on the lines that came since the last time."""
        if not self._path.exists() or self._path.stat().st_mtime_ns == self._before:
            return  # still the log of an earlier run
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + 1 if whole else 0
        for line in whole.decode(errors="replace").splitlines():
            get_run_logger().info("%s", masked(line))
