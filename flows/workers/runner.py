"""Stages on workers, as the pipeline sees them: submitted, watched, and again when a worker is lost.

1. A stage is a flow run of its deployment, with all that decides what it computes. Equal requests have one
   key: two runs that need the same stage at the same time, or one after the other, compute it once.
2. A worker reports every few seconds. One that is silent for longer than the patience is lost: its flow run
   is marked as crashed and another is submitted, until three in a row have got no further.
3. The stage's entry in ``dvc.lock`` comes back with its outcome; at the end metrics and results are pulled.
4. A stage whose inputs are on this machine only (raw data, experiments) runs here, between a pull and a push.
"""

import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.pipeline.prefect_server import prepare
from flows.workers.commits import require_committed
from flows.workers.request import Entry, StageReport, StageRequest
from flows.workers.submitted import Submitted, ended_badly, is_cancelling, is_final, is_lost, is_scheduled
from lamp_core.config import Config, load_params
from lamp_core.errors import LampError
from lamp_core.io.file_lock import locked
from tasks.dvc.content import parameter_values
from tasks.dvc.graph import Graph, Stage, read_graph
from tasks.dvc.remote import RemoteVersions, require_remote
from tasks.dvc.snapshot import bring_back
from tasks.dvc.versions import RemoteUnreachable
from tasks.project import Project
from tasks.stage.holding import RepositoryBusy, end_stage
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress, read_progress
from tasks.stages.catalogue import CATALOGUE
from tasks.stated_folders import stated_folders
from tasks.system import resources
from tasks.system.git import git, untracked
from tasks.system.servers import require_answer
from tasks.system.waiting import wait_until

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from flows.workers.server import Server

SECONDS_BETWEEN_LOOKS = 1.0
"""At a flow run: oftener than at other servers, as what comes behind a stage waits for it."""
SECONDS_OF_A_LOOK, SECONDS_OF_RETRIES = 5.0, 70.0
"""A look that took longer met an outage, in which the worker was not heard either: Prefect's client tries for
62 s by itself, at both ends. Silence is counted from then on."""
SECONDS_TO_START = 90
SUBMISSIONS = 3
OLDER_RUNS = 1000
SECONDS_TO_END = 45.0
"""For stages on workers that are told to end: a step, a checkpoint, and Prefect's word that they have."""
AT_ONCE = 32
RESULTS = frozenset((*CATALOGUE.evaluations(), "report"))
"""Fetched at the end of a run: what was measured, of every system, and the page."""


class WorkersRunner:
    """Carries stages out on the workers of Prefect's work pools.

    Args:
        project: the project, or a snapshot of it; its files are those of a commit that the workers' clones
            can fetch.
        is_pushed: whether the remote has what stages have written on this machine before.

    Raises:
        LampError: uncommitted changes, no DVC remote, no server.
    """

    def __init__(self, project: Project, *, is_pushed: bool = False) -> None:
        require_servers()
        require_remote(project)
        self._project, self._commit = project, require_committed(project)
        self._versions = RemoteVersions(project, read_graph(project))
        self._lock_file = threading.Lock()
        self._submitted: dict[str, Submitted] = {}
        self._here: set[str] = set()
        self._is_pushed = is_pushed
        self._is_ending = self._is_over = False
        self._taken_over: list[str] = []

    @cached_property
    def _server(self) -> "Server":
        """Prefect's server, whose client takes seconds to import."""
        prepare(self._project)
        from flows.workers.server import Server

        return Server()

    @property
    def at_once(self) -> int:
        """Stages that may run side by side: those that find no worker wait in Prefect's queue."""
        return AT_ONCE

    def versions(self, graph: Graph) -> RemoteVersions:
        """What is fresh: outputs that ``dvc.lock`` names need not be here."""
        self._versions = RemoteVersions(self._project, graph)
        return self._versions

    def run(self, name: str, *, force: bool, parent_run: str) -> Outcome:
        """Carry a stage out to its end: the flow run on a worker is a subflow of the task's."""
        stage, config = self._versions.graph[name], load_params(self._project.params_file)
        if self._is_bound_here(stage, config):
            self._here.add(name)
            return self._run_here(stage, force, parent_run)
        self.push_what_is_here()
        request = StageRequest(
            name=name,
            commit=self._commit,
            params=self._project.params_file.read_text(),
            lock=self._versions.entries(stage.upstream),
            force=force,
            parent_run=parent_run,
            cards=resources.cards(),
            nodes=resources.nodes(),
        )
        key = None if force else self._key(stage, config, request.lock)
        submitted = self._submitted[name] = Submitted(request, key)
        self._start(submitted, f"{name}-{config.ingest.data}-{config.profile}")
        while (outcome := self._look(submitted)) is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if self._is_over:
                return Outcome("failed", 0.0, error="interrupted")
        submitted.is_over = True
        return outcome

    def progress(self, name: str) -> Progress | None:
        """How far a stage is that was submitted; None while that is unknown."""
        if name in self._here:
            progress = read_progress(self._project.progress_file(name))
            return progress if progress is not None and progress.is_alive else None
        submitted = self._submitted.get(name)
        if submitted is None:
            return None
        progress = submitted.progress
        machine = submitted.report.machine if submitted.report is not None else ""
        if submitted.waits or progress is None:
            now = time.time()
            said = submitted.waits or f"{machine} begins".strip()
            return Progress("running", os.getpid(), started=now, updated=now, text=said)
        return replace(progress, text=f"{machine}: {progress.text}".rstrip(": "))

    def interrupt(self, names: Iterable[str]) -> None:
        """Tell running stages to end; each closes its MLflow run and keeps its checkpoints."""
        self._is_ending = True
        runs = [run for name in names if name in self._submitted and (run := self._submitted[name].run)]
        for run in runs:
            self._server.cancel(run)
        for name in self._here:
            end_stage(self._project, name)
        wait_until(lambda: self._have_ended(runs), SECONDS_TO_END, SECONDS_BETWEEN_LOOKS)
        self._is_over = True

    def _have_ended(self, runs: Sequence[UUID]) -> bool:
        """Whether no flow run of these is at work; one that the server does not know is not."""
        return not runs or all(map(is_final, self._server.runs(runs).values()))

    def interrupt_all(self) -> None:
        """Tell all stages that run to end."""
        self.interrupt([name for name, each in self._submitted.items() if not each.is_over])

    def finish(self, names: Iterable[str]) -> None:
        """Bring metrics and results of these stages here, and the whole of what an older version is here.

        Raises:
            LampError: the remote cannot be reached, or an output here has changes that no cache holds.
        """
        wanted: list[str] = []
        for name in names:
            file = self._project.metrics_file(name)
            if name in self._taken_over and (name in RESULTS or self._project.output(name).exists()):
                wanted.append(name)
            elif name in self._taken_over or not file.exists():
                path = file.relative_to(self._project.root).as_posix()
                wanted += [path] if path in self._versions.graph[name].outs else []
        self._versions.pull(wanted)
        bring_back(self._project, self._taken_over)

    def _is_bound_here(self, stage: Stage, config: Config) -> bool:
        """Whether a stage reads what is neither in git nor written by a stage."""
        if stated_folders(config, stage.params):
            return True
        return bool(untracked(self._project, self._commit, self._own_deps(stage)))

    def _own_deps(self, stage: Stage) -> list[str]:
        """The inputs of a stage that no stage writes."""
        written = tuple(f"{out}/" for other in self._versions.graph.values() for out in other.outs)
        return [dep for dep in stage.deps if not f"{dep}/".startswith(written)]

    def _key(self, stage: Stage, config: Config, lock: Mapping[str, Any]) -> str:
        """Hash of all that decides what the stage computes: command, parameters, code and inputs."""
        own = self._own_deps(stage)
        code = git(self._project.root, "rev-parse", *(f"{self._commit}:{dep}" for dep in own)) if own else ""
        outs = {name: {out["path"]: out["md5"] for out in entry["outs"]} for name, entry in lock.items()}
        values = parameter_values(stage.params, config.model_dump(mode="json"))
        described = [stage.name, stage.command, values, code, outs]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]

    def push_what_is_here(self) -> None:
        """Bring to the remote, once, what stages have written on this machine before."""
        with self._lock_file:
            if self._is_pushed:
                return
            self._is_pushed = True
            locked = self._versions.entries(tuple(self._versions.graph))
            self._versions.push([name for name in locked if self._project.output(name).exists()])

    def _run_here(self, stage: Stage, force: bool, parent_run: str) -> Outcome:
        """Run a stage on this machine, between a pull and a push."""
        from flows.workers.perform import carry_out

        try:
            with self._lock_file, locked(self._project.state / "here.lock"):
                self._versions.pull(stage.upstream)
                outcome = carry_out(self._project, stage.name, force=force, parent_run=parent_run)
            if outcome.state != "failed":
                self._versions.push([stage.name])
        except (LampError, RepositoryBusy, RemoteUnreachable) as error:
            return Outcome("failed", 0.0, error=str(error), is_bad_request=True)
        return outcome

    def _start(self, submitted: Submitted, name: str) -> None:
        """Start a flow run, or join the one that an equal request has started and that did not end badly."""
        request = submitted.request
        deployment, submitted.pool = self._server.deployment(request.name)
        for _ in range(OLDER_RUNS):
            key = None if submitted.key is None else f"{submitted.key}-{submitted.attempt}"
            run = self._server.submit(
                deployment, request.model_dump(), name=name, key=key, tags=["lamp", request.name]
            )
            if not ended_badly(run):
                break
            submitted.attempt += 1
        submitted.run, submitted.heard = run.id, time.monotonic()
        submitted.report, submitted.taken, submitted.waits = None, False, ""

    def _look(self, submitted: Submitted) -> Outcome | None:
        """Learn how far a stage is; a server that is out of reach is looked for again."""
        from httpx import HTTPError

        began = time.monotonic()
        try:
            assert submitted.run is not None
            run = self._server.runs([submitted.run]).get(submitted.run)
            report = self._server.report(submitted.run)
            outcome = self._hear(submitted, run, report) if run is not None else None
        except HTTPError as error:
            submitted.waits = f"Prefect's server is out of reach ({type(error).__name__})"
            began, outcome = -math.inf, None
        if time.monotonic() - began > SECONDS_OF_A_LOOK:
            submitted.heard = time.monotonic() + SECONDS_OF_RETRIES
        return outcome

    def _hear(self, submitted: Submitted, run: "FlowRun", report: StageReport | None) -> Outcome | None:
        """Take a report in, or miss one; return the outcome of a stage that has ended."""
        if report is not None and (submitted.report is None or report.beat != submitted.report.beat):
            submitted.report, submitted.waits = report, ""
            submitted.heard = max(submitted.heard, time.monotonic())
        if report is not None and report.entry and self._is_lost_data(submitted, run, report.entry):
            return self._again(submitted, "the remote has lost what an earlier run made")
        if report is not None and report.outcome is not None:
            return self._outcome(submitted, run, report, report.outcome)
        if is_lost(run, for_us=self._is_ours(submitted, run)) and not self._is_ending:
            return self._again(submitted, f"its flow run is {run.state_name}")
        if is_final(run):
            message = run.state.message if run.state is not None else ""
            return Outcome("failed", 0.0, error=message or "its flow run ended without a word")
        if is_scheduled(run):
            self._wait_for_worker(submitted)
            return None
        return self._wait_for_report(submitted, is_cancelled=is_cancelling(run))

    def _is_lost_data(self, submitted: Submitted, run: "FlowRun", entry: Entry) -> bool:
        """Whether the outputs of another run's stage, which is taken over, are on the remote no more."""
        if self._is_ours(submitted, run):
            return False
        with self._lock_file:
            return self._versions.is_lost(submitted.request.name, entry)

    def _outcome(
        self, submitted: Submitted, run: "FlowRun", report: StageReport, outcome: Outcome
    ) -> Outcome:
        """Take the entry in ``dvc.lock`` over; return the outcome as this run of the pipeline has it."""
        name = submitted.request.name
        if outcome.state != "failed" and report.entry is not None:
            try:
                with self._lock_file:
                    self._versions.take_over(name, report.entry)
                    bring_back(self._project, [name])
            except LampError as error:
                return replace(outcome, state="failed", error=str(error), is_bad_request=True)
            self._taken_over.append(name)
        if self._is_ours(submitted, run) or outcome.state == "failed":
            return outcome
        seconds = time.monotonic() - submitted.began
        return replace(outcome, state="restored", run_id=None, seconds=seconds)

    def _is_ours(self, submitted: Submitted, run: "FlowRun") -> bool:
        """Whether this run of the pipeline has started the flow run, and not one that asked for the same."""
        return bool(run.parameters.get("parent_run") == submitted.request.parent_run)

    def _wait_for_worker(self, submitted: Submitted) -> None:
        submitted.heard = time.monotonic()
        online = self._server.online(submitted.pool)
        none = "" if online else f"; none is online: `lamp worker start --pool {submitted.pool}`"
        submitted.waits = f"waits for a worker of pool {submitted.pool}{none}"

    def _wait_for_report(self, submitted: Submitted, *, is_cancelled: bool) -> Outcome | None:
        if not submitted.taken:
            submitted.taken, submitted.waits = True, ""
            submitted.heard = max(submitted.heard, time.monotonic())
        patience = resources.worker_patience()
        if submitted.report is None or is_cancelled:  # Prefect gives a cancelled one half a minute by itself
            patience = max(patience, SECONDS_TO_START)
        silent = time.monotonic() - submitted.heard
        if silent > patience:
            why = f"its worker was silent for {silent:.0f} s"
            assert submitted.run is not None
            self._server.give_up(submitted.run, why)
            if is_cancelled:
                return Outcome("failed", 0.0, error=f"cancelled; {why}")
            return self._again(submitted, why)
        return None

    def _again(self, submitted: Submitted, why: str) -> Outcome | None:
        """Submit a stage again whose worker was lost; it is given up when it gets no further."""
        progress = submitted.progress
        if progress is not None and progress.done > submitted.furthest:
            submitted.furthest, submitted.submissions = progress.done, 1
        if submitted.submissions == SUBMISSIONS:
            return Outcome("failed", 0.0, error=f"given up after {SUBMISSIONS} submissions: {why}")
        submitted.submissions += 1
        submitted.attempt += 1
        self._start(submitted, f"{submitted.request.name}-again-{submitted.attempt}")
        submitted.waits = f"{why}; submitted again"
        return None


def require_servers() -> None:
    """Raise unless the servers that all machines share are named, and answer.

    Raises:
        LampError: one is not, or does not.
    """
    for variable, server in (("PREFECT_API_URL", "Prefect"), ("MLFLOW_TRACKING_URI", "MLflow")):
        address = os.environ.get(variable, "")
        if not address:
            raise LampError(f"{variable} is not set: workers need {server}'s server (docs/cluster.md)")
        require_answer(f"{server}'s server", address, f"is it up, and is {variable} right?")
