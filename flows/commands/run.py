"""``lamp run``."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cluster_option import MOST_MACHINES, without_cluster
from flows.parameters import configured, look_at_source
from flows.tables import print_tables
from flows.terminal import line_console
from lamp_core.report.main_metrics import COLUMNS, main_metrics
from tasks.project import Project, find_project
from tasks.stages.catalogue import CATALOGUE
from tasks.system import resources
from tasks.system.exit_status import BAD_REQUEST, FAILED
from tasks.system.processes import interrupt_on_signals
from tasks.system.workspace import require_workspace

if TYPE_CHECKING:
    from rich.console import Console

    from flows.pipeline.run import PipelineResult

ClusterOption = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler whose workers take the shards of clips; also --set cluster.address=ADDRESS.",
        metavar="ADDRESS",
    ),
]
WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for a stage that another run of this project runs.")
]
WorkersOption = Annotated[
    bool, typer.Option("--workers", help="Run the stages on the workers; docs/cluster.md.")
]
CardsOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_MACHINES, help="Train a stage in so many processes, with a card each where there are."
    ),
]
NodesOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_MACHINES, help="Train a stage on so many nodes of a Slurm job; docs/cluster.md."
    ),
]
REPORT, REPORT_FILE = "report", "report/report.html"


def run(
    data: Annotated[str | None, typer.Option(help="Registered data set; `procedural` is embedded.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Start from a profile's parameters: quick, paper, ...")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set a parameter; may be repeated.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="Run the stages of this system; `lamp` by default.", metavar="NAME")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Run this stage alone.", metavar="STAGE")] = None,
    until: Annotated[
        str | None, typer.Option(help="Run this stage and what it needs.", metavar="STAGE")
    ] = None,
    force: Annotated[
        str | None, typer.Option(help="Run this stage even when it is fresh.", metavar="STAGE")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the MLflow run; else data set, profile and what differs.")
    ] = None,
    cluster: ClusterOption = None,
    wait: WaitOption = True,
    workers: WorkersOption = False,
    cards: CardsOption = None,
    nodes: NodesOption = None,
) -> None:
    """Bring every stage up to date: run what is stale, skip what is fresh, record it all.

    Without flags the parameters in params.yaml are used as they stand; the flags change that file.
    """
    from flows.pipeline.run import run_pipeline
    from flows.pipeline.run_records import Asked

    interrupt_on_signals()
    assignments, cluster = without_cluster(assignments or [], cluster)
    resources.use(cards, nodes, cluster)
    project = find_project()
    require_workspace(project)
    _require_known(project, only, until, system, force)
    config = configured(project, data=data, profile=profile, assignments=assignments)
    look_at_source(project, config)
    asked = Asked(name=name or "", only=only, until=until, force=force, system=system, workers=workers)
    report_result(project, run_pipeline(project, config, asked, wait=wait))


def _require_known(
    project: Project, only: str | None, until: str | None, system: str | None, force: str | None
) -> None:
    """Refuse an unknown name before params.yaml changes."""
    from flows.pipeline.plan import chosen
    from tasks.dvc.graph import read_graph

    graph = read_graph(project)
    chosen(graph, only, until, system)
    if force is not None:
        graph.require(force)


def report_result(project: Project, result: "PipelineResult") -> None:
    """Print how a run ended, and end the command by a status that says so."""
    _print_result(line_console(), project, result)
    if result.failed:
        bad = any(outcome.is_bad_request for outcome in result.failed.values())
        raise typer.Exit(BAD_REQUEST if bad else FAILED)


def _print_result(console: "Console", project: Project, result: "PipelineResult") -> None:
    from flows.pipeline.plan import GOOD
    from flows.pipeline.stage_metrics import read_metrics
    from tasks.stage.progress import duration

    _print_failures(console, project, result)
    measured = {
        name: metrics
        for name in CATALOGUE.evaluations()
        if result.states.get(name) in GOOD and (metrics := read_metrics(project, name))
    }
    for name, metrics in measured.items():
        _print_metrics(console, name, metrics)
    if not measured and not result.failed:
        _print_stages(console, {name: read_metrics(project, name) for name in result.states})
    ran = [f"{name} {duration(outcome.seconds)}" for name, outcome in result.outcomes.items()]
    console.print(f"{duration(result.seconds)} in all; {', '.join(ran) or 'every stage was fresh'}")
    report = project.data / REPORT_FILE
    if report.exists() and result.states.get(REPORT) in GOOD:
        console.print(f"report: {report}")
        console.print("`lamp ui` opens the MLflow and Prefect pages, `lamp compare` sets runs side by side")


def _print_failures(console: "Console", project: Project, result: "PipelineResult") -> None:
    for name, outcome in result.failed.items():
        console.print(f"{name} failed: {outcome.error}", style="red")
        if outcome.log:
            console.print(outcome.log, style="dim")
        console.print(f"its log: {project.log_file(name)}")
    blocked = [name for name, state in result.states.items() if state == "blocked"]
    if blocked:
        console.print(f"not run, since they need it: {', '.join(blocked)}")


def _print_stages(console: "Console", metrics: dict[str, dict[str, float]]) -> None:
    """What each stage of a run without the evaluation has measured."""
    for name, values in metrics.items():
        shown = ", ".join(f"{metric} {value:,.5g}" for metric, value in values.items())
        if shown:
            console.print(f"{name}: {shown}")


def _print_metrics(console: "Console", stage: str, metrics: dict[str, float]) -> None:
    """The main metrics: the trained system of each family beside what it has to beat and what it aims at."""
    from lamp_core.report.tables import TextTable

    file = f"data/{CATALOGUE.folder(stage)}/results.parquet"
    note = f"protocol, evaluator, repeats and interval of every number: {file}"
    print_tables(console, [TextTable("Main metrics", ["", *COLUMNS], main_metrics(metrics), [note])])
