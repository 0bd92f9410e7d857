"""``lamp run`` and ``lamp status``."""

import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from flows.workspace import configure, look_at_source
from lamp_core.config import load_params
from tasks.project import Project, find_project

if TYPE_CHECKING:
    from rich.console import Console

    from flows.pipeline import PipelineResult

MAIN_STAGE, REPORT_FILE = "evaluate", "report/report.html"
BAD_REQUEST, FAILED = 2, 1
COLUMNS = ("trained", "untrained", "chance", "ground truth")
# The system of each column, or the systems of which there is one.
TOKENIZER = (("VQ-VAE", "RVQ-VAE"), ("untrained",))
GENERATION = (("LaMP-T2M",), ("untrained",), ("chance",), ("ground_truth",))
RETRIEVAL = (("LaMP-Feat",), ("untrained",), ("chance",))
MAIN_METRICS = (
    ("tokenizer MPJPE, mm", "tokenizer", TOKENIZER, "MPJPE", 1),
    ("tokenizer FID", "tokenizer", TOKENIZER, "FID", 1),
    *(
        (f"text to motion R-Precision top {k}, %", "text_to_motion", GENERATION, f"R-Precision_top_{k}", 100)
        for k in (1, 2, 3)
    ),
    ("text to motion FID", "text_to_motion", GENERATION, "FID", 1),
    ("text to motion MM-Dist", "text_to_motion", GENERATION, "MM-Dist", 1),
    *(
        (f"retrieval, {direction}, full, {metric}", "retrieval", RETRIEVAL, f"full_{key}_{metric}", 1)
        for direction, key in (("text to motion", "text_to_motion"), ("motion to text", "motion_to_text"))
        for metric in ("R1", "R10", "MedR")
    ),
)


def run(
    data: Annotated[str | None, typer.Option(help="Registered data set; `procedural` is embedded.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="Start from a profile's parameters: quick, paper, ...")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set a parameter; may be repeated.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Run this stage alone.", metavar="STAGE")] = None,
    until: Annotated[
        str | None, typer.Option(help="Run this stage and what it needs.", metavar="STAGE")
    ] = None,
    force: Annotated[
        str | None, typer.Option(help="Run this stage even when it is fresh.", metavar="STAGE")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Dask scheduler whose workers take the shards of clips.", metavar="ADDRESS"),
    ] = None,
) -> None:
    """Bring every stage up to date: run what is stale, skip what is fresh, record it all.

    Without flags the parameters in params.yaml are used as they stand; the flags change that file.
    """
    from rich.console import Console

    from flows.pipeline import run_pipeline
    from tasks.graph import read_graph

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if cluster is not None:
        os.environ["LAMP_CLUSTER"] = cluster  # the stages' processes inherit it
    project = find_project()
    graph = read_graph(project)
    for name in (only, until, force):
        if name is not None:
            graph.require(name)
    config = configure(project, data=data, profile=profile, assignments=assignments or [])
    look_at_source(project, config)
    result = run_pipeline(project, config, only=only, until=until, force=force)
    console = Console()
    _print_result(console, project, result)
    if result.failed:
        bad = any(outcome.is_bad_request for outcome in result.failed.values())
        raise typer.Exit(BAD_REQUEST if bad else FAILED)


def status() -> None:
    """Show every stage: fresh, stale and why, missing or running."""
    from rich.console import Console
    from rich.table import Table

    from flows.display import STYLES
    from flows.stage_states import stage_states

    project = find_project()
    look_at_source(project, load_params(project.params_file))
    table = Table("stage", "state", "because", box=None, header_style="bold")
    for name, (state, reason) in stage_states(project).items():
        table.add_row(name, f"[{STYLES.get(state, 'yellow')}]{state}[/]", reason)
    Console().print(table)


def _print_result(console: "Console", project: Project, result: "PipelineResult") -> None:
    from flows.record import read_metrics
    from tasks.progress import duration

    _print_failures(console, project, result)
    metrics = {} if result.failed else read_metrics(project, MAIN_STAGE)
    if metrics:
        _print_metrics(console, metrics)
    ran = [f"{name} {duration(outcome.seconds)}" for name, outcome in result.outcomes.items()]
    console.print(
        f"{duration(result.seconds)} in all; {', '.join(ran) or 'every stage was fresh'}", highlight=False
    )
    report = project.data / REPORT_FILE
    if report.exists() and not result.failed:
        console.print(f"report: {report}", soft_wrap=True, highlight=False)
        console.print(
            "`lamp ui` opens the MLflow and Prefect pages, `lamp compare` sets runs side by side",
            highlight=False,
        )


def _print_failures(console: "Console", project: Project, result: "PipelineResult") -> None:
    for name, outcome in result.failed.items():
        console.print(
            f"{name} failed: {outcome.error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        if outcome.log:
            console.print(outcome.log, markup=False, highlight=False, soft_wrap=True, style="dim")
        console.print(f"its log: {project.log_file(name)}", soft_wrap=True, highlight=False)
    blocked = [name for name, state in result.states.items() if state == "blocked"]
    if blocked:
        console.print(f"not run, since they need it: {', '.join(blocked)}", highlight=False)


def _print_metrics(console: "Console", metrics: dict[str, float]) -> None:
    """The main metrics: the trained system of each family beside what it has to beat and what it aims at."""
    from rich.table import Table

    table = Table("", *COLUMNS, box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for label, family, systems, metric, factor in MAIN_METRICS:
        found = [[f"{family}/{system}/{metric}" for system in column] for column in systems]
        cells = [
            next((f"{factor * metrics[key]:,.1f}" for key in keys if key in metrics), "") for keys in found
        ]
        table.add_row(label, *cells)
    console.print(table)
    console.print(
        f"protocol, evaluator, repeats and interval of every number: data/{MAIN_STAGE}/results.parquet",
        highlight=False,
    )
