"""The end-to-end run: the stages of ``dvc.yaml``, each submitted to Prefect as soon as its inputs are ready.

1. Ask DVC once which stages are stale.
2. Nothing stale: no Prefect server is started.
3. Else submit stages as they become ready; independent ones side by side; a failed one stops what needs it.
4. Give the MLflow run of the pipeline all parameters and all metrics, those of skipped stages too.
"""

import queue
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from flows.pipeline.artifacts import flow_artifacts
from flows.pipeline.cleanup import close_flow_runs
from flows.pipeline.display import Display, make_display
from flows.pipeline.mlflow_run import PipelineRun
from flows.pipeline.params_hold import held_params, tell
from flows.pipeline.run_records import RunRecord, begin_record, end_record, write_record
from flows.pipeline.schedule import GOOD, Schedule, State, chosen
from flows.pipeline.stage_runner import LocalRunner, StageRunner
from lamp_core.config import Config
from tasks.dvc.content import inputs_from_outside
from tasks.dvc.graph import read_graph
from tasks.dvc.versions import Freshness, RepositoryBusy, Versions
from tasks.mlflow.tags import git_tags
from tasks.project import Project
from tasks.stage.outcome import Outcome

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
    outcomes: dict[str, Outcome]
    seconds: float
    run_id: str

    @property
    def failed(self) -> dict[str, Outcome]:
        """The stages that failed."""
        return {name: outcome for name, outcome in self.outcomes.items() if outcome.state == "failed"}


@dataclass
class Execution:
    """A run on its way.

    Args:
        runner: carries the stages out.
        schedule: the states of its stages.
        record: the MLflow run of the pipeline.
        display: what the user sees.
        force: the stage that runs even when it is fresh.
    """

    runner: StageRunner
    schedule: Schedule
    record: PipelineRun
    display: Display
    force: str | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def settle(self) -> None:
        """Show what turned out fresh or blocked."""
        while changed := self.schedule.settle():
            for name in changed:
                self.display.show(name, self.schedule.states[name])

    def start(self, name: str) -> "Future[Outcome]":
        """Start a stage."""
        self.schedule.states[name] = "running"
        self.display.show(name, "running")
        return self.runner.submit(name, force=name == self.force, parent_run=self.record.run_id)

    def end(self, name: str, outcome: Outcome) -> None:
        """Note how a stage ended."""
        self.outcomes[name] = outcome
        self.schedule.states[name] = outcome.state
        self.display.show(name, outcome.state, seconds=outcome.seconds, note=outcome.error)
        self.record.stage_ended(name, outcome.run_id)

    def show_progress(self) -> None:
        """Show how far the running stages are."""
        for name in self.schedule.running:
            progress = self.runner.progress(name)
            if progress is not None:
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
    runner: StageRunner | None = None,
    display: Display | None = None,
    wait: bool = True,
) -> PipelineResult:
    """Bring the stages up to date, and record the run.

    Args:
        project: the project.
        config: the parameters; ``params.yaml`` holds them until the run ends.
        only: run this stage alone.
        until: run this stage and what it needs.
        force: run this stage even when it is fresh.
        name: of the MLflow run; data set and profile by default.
        tags: further tags of the MLflow run.
        runner: carries the stages out; processes of this machine by default.
        display: shows the states; what suits the terminal by default.
        wait: whether to wait for what other runs of the project have in use: ``params.yaml`` with other
            parameters, a stage.

    Raises:
        LampError: an unknown stage, a project that DVC or MLflow cannot work in, or ``params.yaml`` is in use
            and not to be waited for.
    """
    asked = RunRecord(
        "", name or "", "", only=only, until=until, force=force, tags=tuple((tags or {}).items())
    )
    with held_params(project, config, wait=wait):
        return _run(project, config, asked, runner or LocalRunner(project, wait=wait), display)


def _run(
    project: Project, config: Config, asked: RunRecord, runner: StageRunner, display: Display | None
) -> PipelineResult:
    """Run the stages that a run asks for."""
    started, force = time.monotonic(), asked.force
    graph = read_graph(project)
    names = chosen(graph, asked.only, asked.until)
    if force is not None and graph.require(force).name not in names:
        names = [name for name in graph if name in {*names, force}]
    versions = runner.versions(graph)
    record = PipelineRun(project, versions, config, names, name=asked.name or None, tags=dict(asked.tags))
    status = patient_status(versions)
    stale = frozenset(name for name in names if status[name].state != "fresh") | ({force} if force else set())
    schedule = Schedule(graph, names, frozenset(stale), versions.follows_inputs)
    record.up_to_date = partial(_up_to_date, versions, schedule, status)
    with record, display or make_display(names) as shown:
        execution = Execution(runner, schedule, record, shown, force)
        execution.settle()
        record.is_idle = schedule.is_over
        if not schedule.is_over:
            _run_with_prefect(project, execution, config, asked)
        runner.finish([name for name, state in schedule.states.items() if state in GOOD])
        record.ending = "FAILED" if schedule.failed else "FINISHED"
    return PipelineResult(schedule.states, execution.outcomes, time.monotonic() - started, record.run_id)


def patient_status(versions: Versions) -> dict[str, Freshness]:
    """Every stage's freshness, however long another DVC process (a push, a pull) keeps its lock."""
    is_told = False
    while True:
        try:
            return versions.status()
        except RepositoryBusy as error:
            if not is_told:
                tell(f"{error}; waiting for its end")
            is_told = True


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


def _run_with_prefect(project: Project, execution: Execution, config: Config, asked: RunRecord) -> None:
    """Run the stages inside a Prefect flow run, which fails when a stage does."""
    from flows.pipeline.prefect_loss import outlived
    from flows.pipeline.prefect_server import prepare, start_server

    prepare(project)
    from prefect import flow
    from prefect.client.schemas.objects import State
    from prefect.runtime import flow_run
    from prefect.states import Completed, Failed
    from prefect.task_runners import ThreadPoolTaskRunner

    start_server()
    threads: Any = ThreadPoolTaskRunner(max_workers=execution.runner.at_once)
    label = f"{config.ingest.data}-{config.profile}"
    name = f"{label}-{time.strftime('%Y%m%d-%H%M%S')}"
    kept = replace(asked, run_id=execution.record.run_id, name=execution.record.name, flow_run=name)

    @flow(name="pipeline", flow_run_name=name, task_runner=threads, validate_parameters=False)
    def pipeline(root: str, stages: list[str]) -> State[Any]:
        """Submit the stages as they become ready."""
        with recorded(project, execution, replace(kept, flow_run_id=str(flow_run.get_id() or ""))):
            close_flow_runs(project)
            with flow_artifacts(project, execution):
                _submit_until_over(execution)
        failed = execution.schedule.failed
        return (
            Failed(message=f"failed: {', '.join(failed)}")
            if failed
            else Completed(message="all stages are fresh")
        )

    with outlived(project, execution.record.run_id, lambda: execution.schedule.is_over):
        pipeline(str(project.root), list(execution.schedule.names), return_state=True)


@contextmanager
def recorded(project: Project, execution: Execution, asked: RunRecord) -> Iterator[None]:
    """Keep what the run needs to be run again, and how it ended."""
    inputs = inputs_from_outside(project, execution.record.versions.graph.values())
    commit = git_tags(project)["git_commit"]
    kept = begin_record(project, replace(asked, inputs=tuple(inputs.items()), commit=commit))
    try:
        yield
    except BaseException:
        write_record(project, replace(kept, ending="killed"))
        raise
    end_record(project, kept, execution.schedule.failed)


def _submit_until_over(execution: Execution) -> None:
    """Keep as many stages running as may, until none waits or runs."""
    schedule, ended = execution.schedule, queue.SimpleQueue[str]()
    running: dict[str, Future[Outcome]] = {}
    try:
        while not schedule.is_over:
            for name in schedule.ready()[: max(0, execution.runner.at_once - len(running))]:
                running[name] = execution.start(name)
                running[name].add_done_callback(partial(_note, ended, name))
            try:
                name = ended.get(timeout=TICK_SECONDS)
            except queue.Empty:
                execution.show_progress()
                continue
            execution.end(name, _outcome(running.pop(name)))
            execution.settle()
    except BaseException:
        execution.runner.interrupt(schedule.running)
        raise


def _note(ended: "queue.SimpleQueue[str]", name: str, future: "Future[Outcome]") -> None:
    ended.put(name)


def _outcome(future: "Future[Outcome]") -> Outcome:
    """How a stage ended, or the fault that kept its runner from saying so."""
    error = future.exception()
    return future.result() if error is None else Outcome("failed", 0.0, error=str(error))
