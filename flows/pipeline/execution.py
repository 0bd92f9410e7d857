"""A run on its way: what the tasks of its stages tell, for the display, the MLflow run and the record."""

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from flows.pipeline.display import Display, make_display
from flows.pipeline.mlflow_run import Opening, PipelineRun
from flows.pipeline.places import Places
from flows.pipeline.plan import GOOD, Plan, State, planned
from flows.pipeline.run_records import Asked, Ending, RunRecord, begin_record, end_record, record_files
from flows.pipeline.stage_runner import StageRunner
from flows.pipeline.standing_run import StandingRun
from lamp_core.config import Config
from tasks.dvc.content import inputs_from_outside
from tasks.mlflow.tags import git_tags
from tasks.mlflow.tracking import Ending as TrackedEnding
from tasks.project import Project
from tasks.stage.outcome import Outcome
from tasks.system import resources

TICK_SECONDS = 0.25
ENDINGS: Mapping[Ending, TrackedEnding] = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
"""MLflow's words."""


class Execution:
    """The states of a run's stages. Tasks tell of them from threads; one thread takes note.

    Args:
        plan: what the run does.
        record: the MLflow run of the pipeline.
        display: what the user sees.
    """

    def __init__(self, plan: Plan, record: PipelineRun, display: Display) -> None:
        self.plan, self.record = plan, record
        self._display = display
        self.states: dict[str, State] = dict.fromkeys(plan.names, "waiting")
        self.outcomes: dict[str, Outcome] = {}
        self.is_cancelled = False
        self._told: queue.SimpleQueue[tuple[str, State | Outcome]] = queue.SimpleQueue()
        self._places = Places(plan.runner.at_once, plan.names, self.before)
        self._is_interrupted = False
        self._troubles: dict[str, str] = {}

    def before(self, name: str) -> list[str]:
        """The stages of the run that write what a stage reads."""
        return [other for other in self.plan.versions.graph[name].upstream if other in self.states]

    def carry_out(self, name: str) -> Outcome | None:
        """Bring a stage up to date, called in its task; None when there is nothing to do.

        Raises:
            RepositoryBusy: a lock that passes.
            RemoteUnreachable: a network that passes.
        """
        with self._places.taken(name):
            if self._is_interrupted:
                return Outcome("failed", 0.0, error="the run was ended before")
            if self.plan.is_fresh(name):
                self._told.put((name, "fresh"))
                self._places.note_ready(name)
                return None
            self._told.put((name, "running"))
            outcome = self.plan.runner.run(
                name, force=name == self.plan.asked.force, parent_run=self.record.run_id
            )
            if outcome.state != "failed":
                self._places.note_ready(name)
            return outcome

    def tell(self, name: str, outcome: Outcome) -> None:
        """Say how a stage ended, called in its task."""
        self._told.put((name, outcome))

    def keep_trouble(self, name: str, error: Exception) -> None:
        """Keep what stood in a stage's way this time, called in its task; it may be tried again."""
        self._troubles[name] = str(error)

    def take_note(self) -> None:
        """Take in all that tasks have told; wait a moment for it, and show how far the stages are."""
        try:
            told = self._told.get(timeout=TICK_SECONDS)
        except queue.Empty:
            for name in self.running:
                if progress := self.plan.runner.progress(name):
                    self._display.progress(name, progress)
            return
        self._note(*told)

    def is_over(self) -> bool:
        """Whether every stage has ended, by all that the tasks have told."""
        while not self._told.empty():
            self.take_note()
        return not self._in("waiting", "running")

    def end(self) -> None:
        """Take in the last words, and mark what was never begun, or never carried out.

        A stage whose task was tried again until the end in vain has failed by what stood in its way.
        """
        self.is_over()
        for name in self.running:
            trouble = self._troubles.get(name, "its task ended without a word")
            self._note(name, Outcome("failed", 0.0, error=trouble, is_bad_request=True))
        for name, state in self.states.items():
            if state == "waiting":
                self._set(name, "cancelled" if self.is_cancelled else "blocked")

    def interrupt(self) -> None:
        """Tell running stages to end; each closes its MLflow run and keeps its checkpoints."""
        self._is_interrupted = True
        self.plan.runner.interrupt(self.running)

    @property
    def running(self) -> list[str]:
        """Stages that run."""
        return self._in("running")

    @property
    def failed(self) -> list[str]:
        """Stages that failed."""
        return self._in("failed", "cancelled")

    @property
    def ending(self) -> Ending:
        """How the run has ended, by its stages; a signal that comes when all have ended kills nothing."""
        is_ended_early = self.is_cancelled or (self._is_interrupted and self.failed)
        if is_ended_early or not self.is_over():
            return "killed"
        return "failed" if self.failed else "finished"

    def _in(self, *wanted: State) -> list[str]:
        return [name for name, state in self.states.items() if state in wanted]

    def _note(self, name: str, told: State | Outcome) -> None:
        if not isinstance(told, Outcome):
            self._set(name, told)
            return
        is_cancelled = self.is_cancelled and told.state == "failed"
        self.outcomes[name] = told
        self.states[name] = "cancelled" if is_cancelled else told.state
        self._display.show(name, self.states[name], seconds=told.seconds, note=told.error)
        self.record.stage_ended(name, told.run_id)
        if told.state == "failed" and not is_cancelled:
            for other in self.plan.versions.graph.after(name):
                if self.states.get(other) == "waiting":
                    self._set(other, "blocked")

    def _set(self, name: str, state: State) -> None:
        self.states[name] = state
        self._display.show(name, state)


def end_without_tasks(execution: Execution, names: Sequence[str]) -> None:
    """Note that nothing is to do for any stage: no task is needed to say so."""
    for name in names:
        execution.carry_out(name)
    execution.end()


@contextmanager
def recorded(execution: Execution, flow_run: str, flow_run_id: str) -> Iterator[RunRecord]:
    """Keep what the run needs to be run again, and how it ended."""
    plan = execution.plan
    inputs = inputs_from_outside(plan.project, plan.versions.graph.values())
    begun = RunRecord(
        **{**vars(plan.asked), **resources.means(), "name": execution.record.name},
        run_id=execution.record.run_id,
        flow_run=flow_run,
        flow_run_id=flow_run_id,
        inputs=tuple(inputs.items()),
        commit=git_tags(plan.project)["git_commit"],
    )
    kept = begin_record(plan.project, begun)
    execution.record.keep(record_files(plan.project, kept.run_id))
    try:
        yield kept
    except BaseException:
        end_record(plan.project, kept, execution.ending, execution.failed, is_open=True)
        raise
    end_record(plan.project, kept, execution.ending, execution.failed)
    execution.record.keep(record_files(plan.project, kept.run_id))


@contextmanager
def executed(
    project: Project,
    config: Config,
    asked: Asked,
    make_runner: Callable[[Project], StageRunner],
    display: Display | None,
) -> Iterator[Execution]:
    """A planned run; its stages are to be carried out within the block, and its MLflow run ends with it."""
    standing = StandingRun(project, config, asked)
    opening = Opening(project, standing)
    with planned(project, config, asked, make_runner) as plan:
        name, tags = asked.name or None, dict(asked.tags)
        record = PipelineRun(opening, plan.project, plan.versions, config, plan.names, name=name, tags=tags)
        with record, display or make_display(plan.names) as shown:
            run = Execution(plan, record, shown)
            record.up_to_date = lambda: plan.up_to_date(run.states)
            try:
                yield run
            finally:
                record.ending = ENDINGS[run.ending]
            plan.runner.finish([name for name, state in run.states.items() if state in GOOD])
    if not run.failed:
        standing.note(record.run_id)
