"""The end-to-end run: the stages of ``dvc.yaml``, each submitted to Prefect as soon as its inputs are ready.

1. Ask DVC once which stages are stale.
2. Nothing stale: no Prefect server is started.
3. Else submit stages as they become ready; independent ones side by side; a failed one stops what needs it.
4. Give the MLflow run of the pipeline all parameters and all metrics, those of skipped stages too.
"""

import os
import queue
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.display import Display, make_display
from flows.record import PipelineRun
from flows.schedule import GOOD, Schedule, State, chosen
from lamp_core.config import Config
from tasks import resources
from tasks.graph import read_graph
from tasks.progress import read_progress
from tasks.project import Project
from tasks.versioning import Freshness, Versions

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from tasks.stage import Outcome

TICK_SECONDS = 0.25


@dataclass(frozen=True)
class PipelineResult:
    """How a run ended.

    Args:
        states: the last state of every stage of the run.
        outcomes: of the stages that were submitted.
        seconds: of the whole run.
        run_id: its MLflow run.
    """

    states: dict[str, State]
    outcomes: dict[str, "Outcome"]
    seconds: float
    run_id: str

    @property
    def failed(self) -> dict[str, "Outcome"]:
        """The stages that failed."""
        return {name: outcome for name, outcome in self.outcomes.items() if outcome.state == "failed"}


@dataclass
class Execution:
    """A run on its way.

    Args:
        project: the project.
        schedule: the states of its stages.
        record: the MLflow run of the pipeline.
        display: what the user sees.
        force: the stage that runs even when it is fresh.
    """

    project: Project
    schedule: Schedule
    record: PipelineRun
    display: Display
    force: str | None = None
    outcomes: dict[str, "Outcome"] = field(default_factory=dict)

    def settle(self) -> None:
        """Show what turned out fresh or blocked."""
        while changed := self.schedule.settle():
            for name in changed:
                self.display.show(name, self.schedule.states[name])

    def start(self, name: str) -> None:
        """Note that a stage starts."""
        self.schedule.states[name] = "running"
        self.display.show(name, "running")

    def end(self, name: str, outcome: "Outcome") -> None:
        """Note how a stage ended."""
        self.outcomes[name] = outcome
        self.schedule.states[name] = outcome.state
        self.display.show(name, outcome.state, seconds=outcome.seconds, note=outcome.error)
        self.record.stage_ended(name, outcome.run_id)

    def show_progress(self) -> None:
        """Show how far the running stages are."""
        for name, state in self.schedule.states.items():
            progress = read_progress(self.project.progress_file(name)) if state == "running" else None
            if progress is not None and progress.is_alive:
                self.display.progress(name, progress)


def run_pipeline(
    project: Project,
    config: Config,
    *,
    only: str | None = None,
    until: str | None = None,
    force: str | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> PipelineResult:
    """Bring the stages up to date, and record the run.

    Args:
        project: the project.
        config: what ``params.yaml`` holds.
        only: run this stage alone.
        until: run this stage and what it needs.
        force: run this stage even when it is fresh.
        name: of the MLflow run; data set and profile by default.
        tags: further tags of the MLflow run.

    Raises:
        LampError: an unknown stage, or a project that DVC or MLflow cannot work in.
    """
    started = time.monotonic()
    graph = read_graph(project)
    names = chosen(graph, only, until)
    if force is not None and graph.require(force).name not in names:
        names = [name for name in graph if name in {*names, force}]
    versions = Versions(project, graph)
    record = PipelineRun(project, versions, config, names, name=name, tags=tags)
    status = versions.status()
    stale = frozenset(name for name in names if status[name].state != "fresh") | ({force} if force else set())
    schedule = Schedule(graph, names, frozenset(stale), versions.follows_inputs)
    record.up_to_date = partial(_up_to_date, versions, schedule, status)
    with record, make_display(names) as display:
        execution = Execution(project, schedule, record, display, force)
        execution.settle()
        if not schedule.is_over:
            _run_with_prefect(execution, config)
        record.ending = "FAILED" if schedule.failed else "FINISHED"
    return PipelineResult(schedule.states, execution.outcomes, time.monotonic() - started, record.run_id)


def _up_to_date(versions: Versions, schedule: Schedule, status: Mapping[str, Freshness]) -> list[str]:
    """Stages of the run that ended well, and those outside it whose outputs follow from them."""
    good: list[str] = []
    for name, stage in versions.graph.items():
        if name in schedule.states:
            is_good = schedule.states[name] in GOOD
        else:
            is_fresh = status[name].state == "fresh" and set(stage.upstream) <= set(good)
            is_good = is_fresh and versions.follows_inputs(name)
        good += [name] if is_good else []
    return good


def _run_with_prefect(execution: Execution, config: Config) -> None:
    """Run the stages inside a Prefect flow run, which fails when a stage does."""
    from flows.prefect_home import prepare

    prepare(execution.project)
    from prefect import flow
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed
    from prefect.task_runners import ThreadPoolTaskRunner

    runner: Any = ThreadPoolTaskRunner(max_workers=resources.stages_at_once())
    name = f"{config.ingest.data}-{config.profile}-{time.strftime('%Y%m%d-%H%M%S')}"

    @flow(name="pipeline", flow_run_name=name, task_runner=runner, validate_parameters=False)
    def pipeline(root: str, stages: list[str]) -> State[Any]:
        """Submit the stages as they become ready."""
        _submit_until_over(execution)
        failed = execution.schedule.failed
        return (
            Failed(message=f"failed: {', '.join(failed)}")
            if failed
            else Completed(message="all stages are fresh")
        )

    pipeline(str(execution.project.root), list(execution.schedule.names), return_state=True)


def _submit_until_over(execution: Execution) -> None:
    """Keep as many stages running as may, until none waits or runs."""
    from tasks.stage import run_stage

    schedule, ended = execution.schedule, queue.SimpleQueue[str]()
    running: dict[str, PrefectFuture[Any]] = {}
    try:
        while not schedule.is_over:
            for name in schedule.ready()[: resources.stages_at_once() - len(running)]:
                execution.start(name)
                running[name] = run_stage.submit(
                    execution.project.root,
                    name,
                    force=name == execution.force,
                    parent_run=execution.record.run_id,
                )
                running[name].add_done_callback(partial(_note, ended, name))
            try:
                name = ended.get(timeout=TICK_SECONDS)
            except queue.Empty:
                execution.show_progress()
                continue
            execution.end(name, _outcome(running.pop(name)))
            execution.settle()
    except BaseException:
        _interrupt(execution)
        raise


def _note(ended: "queue.SimpleQueue[str]", name: str, future: "PrefectFuture[Any]") -> None:
    ended.put(name)


def _outcome(future: "PrefectFuture[Any]") -> "Outcome":
    """What a stage's task returned, or what kept it from returning."""
    from tasks.stage import Outcome

    future.wait()
    result = future.result(raise_on_failure=False)
    return result if isinstance(result, Outcome) else Outcome("failed", 0.0, error=str(result))


def _interrupt(execution: Execution) -> None:
    """Tell the running stages to end; each closes its MLflow run and keeps its checkpoints."""
    for name, state in execution.schedule.states.items():
        progress = read_progress(execution.project.progress_file(name)) if state == "running" else None
        if progress is not None and progress.is_alive:
            os.kill(progress.pid, signal.SIGTERM)
