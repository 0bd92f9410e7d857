"""A run of the pipeline: planned, carried out by the Prefect flow if a stage is to run, and recorded.

1. Write the parameters and ask DVC once which stages are stale (`flows.pipeline.plan`).
2. Nothing stale: no snapshot is made, and no Prefect server is started.
3. Else work in a snapshot of the project, from which every finished stage comes back, as the Prefect flow
   `flows.pipeline.flow.pipeline` with a task run for each stage.
4. Give the MLflow run of the pipeline all parameters and all metrics, those of skipped stages too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flows.pipeline.display import Display
from flows.pipeline.execution import Execution, end_without_tasks, executed
from flows.pipeline.plan import State
from flows.pipeline.run_records import WHOLE, Asked
from flows.pipeline.stage_runner import LocalRunner, StageRunner
from flows.workers.runner import WorkersRunner
from lamp_core.config import Config
from tasks.project import Project
from tasks.stage.outcome import Outcome
from tasks.system import resources


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


def run_pipeline(
    project: Project,
    config: Config,
    asked: Asked = WHOLE,
    *,
    runner: Callable[[Project], StageRunner] | None = None,
    display: Display | None = None,
    wait: bool = True,
) -> PipelineResult:
    """Bring the stages up to date, and record the run.

    Args:
        project: the project.
        config: the parameters, which ``params.yaml`` holds from now on.
        asked: which stages, and where.
        runner: makes of a project what carries its stages out; processes of this machine, or the workers, by
            default.
        display: shows the states; what suits the terminal by default.
        wait: whether to wait for a stage that another run of the project runs.

    Raises:
        LampError: an unknown stage or system, or a project that DVC or MLflow cannot work in.
    """
    started = time.monotonic()
    runner = runner or (WorkersRunner if asked.workers else partial(LocalRunner, wait=wait))
    with executed(project, config, asked, runner, display) as run:
        if all(map(run.plan.is_fresh, run.plan.names)):
            run.record.is_idle = True
            end_without_tasks(run, run.plan.names)
        else:
            _run_with_prefect(project, run)
    return PipelineResult(run.states, run.outcomes, time.monotonic() - started, run.record.run_id)


def _run_with_prefect(project: Project, run: Execution) -> None:
    """Run the stages as the Prefect flow, on the server that is set, or one for this run."""
    from flows.pipeline.prefect_loss import outlived
    from flows.pipeline.prefect_server import prepare, start_server

    prepare(project)
    run.record.start()  # MLflow and Prefect share libraries: two threads must not import them at once
    from flows.pipeline.flow import PREPARED, pipeline

    start_server()
    asked, token = run.plan.asked, PREPARED.set(run)
    try:
        with outlived(project, run.record.run_id, run.is_over):
            pipeline(
                data=run.plan.config.ingest.data,
                profile=run.plan.config.profile,
                system=asked.system,
                only=asked.only,
                until=asked.until,
                force=asked.force,
                workers=asked.workers,
                cards=resources.cards(),
                nodes=resources.nodes(),
                return_state=True,
            )
    finally:
        PREPARED.reset(token)
