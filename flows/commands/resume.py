"""``lamp resume``: a run that failed or was killed, again with its own parameters."""

from dataclasses import fields
from typing import Annotated

import typer

from flows.pipeline.run_records import Asked, RunRecord, params_of, read_records
from lamp_core.config import load_params
from lamp_core.errors import LampError
from tasks.project import Project, find_project
from tasks.system import resources
from tasks.system.processes import interrupt_on_signals
from tasks.system.workspace import require_workspace

ENDED_BADLY = {"failed", "killed"}


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            help="MLflow run (id or name) or Prefect flow run, of another clone too; by default the last one "
            "here, if it did not end well.",
            metavar="[RUN]",
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Wait for a stage that another run of this project runs."),
    ] = True,
) -> None:
    """Run a failed or killed run again, with its own parameters and stages, from the last checkpoints.

    params.yaml is changed to the run's. What finished then is not computed again. A run on workers goes on
    there.
    """
    from flows.commands.run import report_result
    from flows.parameters import look_at_source
    from flows.pipeline.run import run_pipeline

    interrupt_on_signals()
    project = find_project()
    require_workspace(project)
    record = find_run(project, run)
    config = load_params(params_of(project, record))
    typer.echo(f"{record.name} ({record.run_id[:8]}, {record.flow_run}) {_ending(record)}; going on with it")
    look_at_source(project, config)
    for line in changes_since(project, record):
        typer.echo(line)
    resources.use(record.cards, record.nodes, record.cluster)
    report_result(project, run_pipeline(project, config, _again(record), wait=wait))


def _again(record: RunRecord) -> Asked:
    """What the run was asked for, but for what it has done."""
    asked = {each.name: getattr(record, each.name) for each in fields(Asked)}
    force = record.force if record.force in record.failed or _ended_unheard(record) else None
    tags = {**dict(record.tags), "resumes": record.run_id}
    return Asked(**{**asked, "force": force, "tags": tuple(tags.items())})


def _ended_unheard(record: RunRecord) -> bool:
    """Whether nobody noted which stages had ended, as when the run was killed by -9."""
    return record.state == "killed" and not record.failed


def find_run(project: Project, name: str | None) -> RunRecord:
    """The run to go on with.

    Args:
        project: the project.
        name: id or name of its MLflow run, or id or name of its Prefect flow run; where none of this
            project is called so, MLflow's store is asked for those of others. The last that ended badly by
            default.

    Raises:
        LampError: there is none, it ended well, it still runs, or it is a row of an experiment.
    """
    records = read_records(project)
    if name is None:
        found = [record for record in records[:1] if record.state != "finished"]
        if not found:
            last = f"; the last run, {records[0].name}, finished" if records else ""
            raise LampError(f"nothing to resume{last}; `lamp run` brings every stage up to date")
    else:
        found = [
            record
            for record in records
            if name in {record.name, record.flow_run, record.flow_run_id} or record.run_id.startswith(name)
        ] or _of_other_clones(project, name)
        if not found:
            known = ", ".join(record.flow_run for record in records[:5]) or "none"
            raise LampError(f"no run '{name}' is recorded here or in MLflow; the last ones here: {known}")
    record = next((record for record in found if record.state in ENDED_BADLY), found[0])
    experiment = dict(record.tags).get("experiment")
    if experiment:
        raise LampError(
            f"{record.name} is a row of experiment {experiment}; `lamp experiment` with its file goes on"
        )
    if record.state == "running":
        raise LampError(
            f"{record.name} still runs (process {record.mark.pid}); `lamp status --watch` shows it"
        )
    if record.state == "finished":
        raise LampError(f"{record.name} ({record.run_id[:8]}) finished; there is nothing to resume")
    return record


def _of_other_clones(project: Project, name: str) -> list[RunRecord]:
    """The runs that MLflow's store knows by this name, whose records are brought here."""
    from flows.pipeline.mlflow_run import RECORD_FOLDER
    from tasks.mlflow.tracking import Tracking

    tracking = Tracking(project)
    found = [run.info.run_id for run in tracking.pipelines_called(name)]
    brought = [run for run in found if tracking.bring(run, RECORD_FOLDER, project.runs / run)]
    return [record for record in read_records(project) if record.run_id in brought]


def changes_since(project: Project, record: RunRecord) -> list[str]:
    """What is not as it was when the run began: lines for the user, none when nothing changed."""
    from tasks.dvc.content import inputs_from_outside
    from tasks.dvc.graph import read_graph
    from tasks.mlflow.tags import git_tags

    config = load_params(params_of(project, record))
    graph = read_graph(project, config.model_dump(mode="json"))
    before, now = dict(record.inputs), inputs_from_outside(project, graph.values())
    changed = [path for path in sorted({*before, *now}) if before.get(path) != now.get(path)]
    commit = git_tags(project)["git_commit"]
    lines = [f"commit {record.commit[:10]} -> {commit[:10]}"] if commit != record.commit else []
    if changed:
        lines.append(f"changed since: {', '.join(changed)}; stages that read them start anew")
    return lines


def _ending(record: RunRecord) -> str:
    where = f" at {', '.join(record.failed)}" if record.failed else ""
    return f"{'failed' if record.state == 'failed' else 'was ended'}{where}"
