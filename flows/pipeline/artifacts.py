"""What a run leaves to look at: the report with its MLflow run, tables and links with its Prefect run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.pipeline.plan import GOOD, State
from flows.pipeline.stage_metrics import read_metrics
from lamp_core.report.main_metrics import COLUMNS, main_metrics
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tasks.stage.progress import duration
from tasks.stages.catalogue import CATALOGUE
from tasks.system.redaction import masked, warn

if TYPE_CHECKING:
    from flows.pipeline.execution import Execution

REPORT, REPORT_FILE = "report", "report.html"
SHOWN_IN_MLFLOW = {".html", ".svg", ".gif", ".png"}


def keep_report(tracking: Tracking, project: Project, run_id: str) -> None:
    """Store the report, its plots and its samples with a run; nothing where the report is elsewhere."""
    folder = project.output(REPORT)
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in SHOWN_IN_MLFLOW]
    tracking.keep_outputs(run_id, files, folder)


@contextmanager
def flow_artifacts(project: Project, execution: "Execution") -> Iterator[None]:
    """Inside a flow run: link it with the MLflow run, and leave its artifacts when the block ends.

    A server that fails does not fail the run: a warning says that it has no artifacts. An interrupted run
    leaves none, as its server may be ending too.
    """
    from prefect.runtime import flow_run

    run_id, tracking = execution.record.run_id, Tracking(project)
    tracking.tag(
        run_id, {"flow_run": str(flow_run.get_id() or ""), "flow_run_name": flow_run.get_name() or ""}
    )
    try:
        yield
    except Exception:
        _leave_artifacts(project, execution, tracking.page(run_id))
        raise
    _leave_artifacts(project, execution, tracking.page(run_id))


def _leave_artifacts(project: Project, execution: "Execution", page: str | None) -> None:
    try:
        _create_artifacts(project, execution, page)
    except Exception as error:  # whatever a server or its client fails with: the run's work must stand
        warn(f"Prefect keeps no artifacts of this run: {error}")


def _create_artifacts(project: Project, execution: "Execution", page: str | None) -> None:
    """Tables of stages and main metrics, links to the report and the MLflow run."""
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

    run_id = execution.record.run_id
    create_table_artifact(stage_rows(execution), key="lamp-stages", description="How each stage ended")
    if table := metric_rows(project, execution.states):
        create_table_artifact(table, key="lamp-metrics", description="Main metrics")
    report = Project(project.home).output(REPORT) / REPORT_FILE
    if report.exists():
        text = f"The report, on the machine of the run: `{report}`"
        create_link_artifact(report.as_uri(), "report.html", key="lamp-report", description=text)
    if page is not None:
        create_link_artifact(page, f"run {run_id[:8]}", key="lamp-mlflow-run", description="The MLflow run")
    else:
        text = f"MLflow run `{run_id}`: `lamp ui` in `{project.root}` opens its page."
        create_markdown_artifact(text, key="lamp-mlflow-run", description="The MLflow run")


def metric_rows(project: Project, states: Mapping[str, State]) -> list[dict[str, str]]:
    """A row for each main metric of every evaluation that is up to date, with the stage of it."""
    return [
        dict(zip(("stage", "metric", *COLUMNS), (stage, *row), strict=True))
        for stage in CATALOGUE.evaluations()
        if states.get(stage) in GOOD
        for row in main_metrics(read_metrics(project, stage))
    ]


def stage_rows(execution: "Execution") -> list[dict[str, str]]:
    """A row for each stage of the run: how it ended, how long it took, and what went wrong."""
    rows = []
    for name, state in execution.states.items():
        outcome = execution.outcomes.get(name)
        took = duration(outcome.seconds) if outcome is not None else ""
        fault = masked(outcome.error) if outcome is not None else ""
        rows.append({"stage": name, "state": state, "took": took, "fault": fault})
    return rows
