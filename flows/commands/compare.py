"""``lamp compare``: MLflow runs, or the rows of an experiment, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamp_core.errors import LampError
from tasks.project import Project, find_project
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.declaration import STORE

if TYPE_CHECKING:
    from mlflow.entities import Run
    from rich.console import Console

    from lamp_core.report.run_comparison import TrackedRun
    from lamp_core.report.tables import TextTable
    from tasks.mlflow.tracking import Tracking

LAST_RUNS = 4
ABOUT = (
    "Differences first; then metrics, each later run against the first, and only where both were measured on "
    "the same: inside ± where chance alone makes such a difference, else better or worse by the sign."
)


def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Names or ids of runs; else the last four, the oldest first.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Show the tables of this experiment instead.", metavar="NAME")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write a file: .csv or .html.")
    ] = None,
    as_latex: Annotated[
        bool, typer.Option("--latex", help="Print tables with arrows as LaTeX, as papers have them.")
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The same as Markdown.")] = False,
    of_all: Annotated[
        bool, typer.Option("--all", help="Show every row, in place of headlines and rows that changed.")
    ] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Take runs that failed, were killed or still run as well.")
    ] = False,
) -> None:
    """Set tracked runs side by side: first what differs, then the headlines, then rows that changed."""
    from rich.console import Console

    from flows.tables import check_ending

    if experiment is not None and runs:
        raise LampError("give runs, or --experiment NAME")
    _require_one_form(as_latex, as_markdown, runs, output)
    if output is not None:
        check_ending(output)
    project = find_project()
    if as_latex or as_markdown:
        _print_for_paper(project, experiment, as_latex=as_latex)
        return
    if experiment is not None:
        _compare_rows(Console(), project, experiment, output)
    else:
        _compare_runs(project, runs or [], output, of_all=of_all, unfinished=unfinished)
    if output is not None:
        typer.echo(output)


def _require_one_form(as_latex: bool, as_markdown: bool, runs: list[str] | None, output: Path | None) -> None:
    """Raise for options that do not go together; a paper's tables are printed, of no named runs."""
    if as_latex and as_markdown:
        raise LampError("--latex or --markdown, not both")
    if (as_latex or as_markdown) and runs:
        raise LampError(
            "--latex and --markdown take no runs: they print what the workspace has measured, or with "
            "--experiment NAME that of an experiment"
        )
    if (as_latex or as_markdown) and output is not None:
        raise LampError("--latex and --markdown print; write to a file with `> FILE` in place of --output")


def _print_for_paper(project: Project, experiment: str | None, *, as_latex: bool) -> None:
    """The tables of an experiment, or those of all systems that the workspace has measured."""
    from lamp_core.report.paper_tables import latex, markdown

    if experiment is not None:
        from flows.commands.experiment import find_experiment
        from lamp_core.report.experiments import experiment_tables

        tables = experiment_tables(find_experiment(project, experiment))
    else:
        tables = _evaluated(project)
    typer.echo((latex if as_latex else markdown)(tables))


def _evaluated(project: Project) -> "list[TextTable]":
    """What was measured on the data that the first system was measured on, as the report has it."""
    from dataclasses import replace

    from flows.commands.evaluate import text_table
    from lamp_core.evaluation.store import origins_of, read_store, systems_of_data
    from lamp_core.report.result_tables import result_tables

    store = project.data / STORE
    origins = origins_of(store)
    if not origins:
        raise LampError("nothing is measured yet; `lamp run` measures")
    origin = origins.get(next(iter(CATALOGUE.systems)), next(iter(origins.values())))
    tables = [text_table(table) for table in result_tables(read_store(store, origin.data_version))]
    data = f"one training; data set {origin.data}, version {origin.data_version[:12]}"
    other = ", ".join(sorted(set(origins) - set(systems_of_data(store, origin.data_version))))
    left_out = [f"Measured on another version, and left out: {other}."] if other else []
    return [replace(table, notes=[*table.notes[:1], data, *left_out]) for table in tables]


def _compare_runs(
    project: Project, names: Sequence[str], output: Path | None, *, of_all: bool, unfinished: bool
) -> None:
    from rich.console import Console

    from flows.tables import print_tables, save_tables
    from lamp_core.report.run_comparison import comparison_csv, comparison_tables
    from lamp_core.report.tables import tables_page
    from tasks.mlflow.tracking import Tracking

    tracking = Tracking(project)
    if names:
        found = [_find(tracking, name) for name in names]
    else:
        found = tracking.pipeline_runs(LAST_RUNS, finished=not unfinished)[::-1]
    if not found:
        raise LampError("no finished runs yet; `lamp run` makes one, --unfinished shows the others")
    runs = [_tracked(run) for run in found]
    tables = comparison_tables(runs, of_all=of_all)
    print_tables(Console(), tables)
    if output is not None:
        save_tables(
            output,
            csv=lambda: comparison_csv(runs),
            html=lambda: tables_page("Runs side by side", tables, ABOUT),
        )


def _compare_rows(console: "Console", project: Project, name: str, output: Path | None) -> None:
    from flows.commands.experiment import find_experiment, print_experiment
    from flows.tables import save_tables
    from lamp_core.report.experiment_charts import experiment_charts
    from lamp_core.report.experiments import experiment_csv, experiment_tables
    from lamp_core.report.tables import tables_page

    found = find_experiment(project, name)
    print_experiment(console, found)
    if output is not None:
        record = found.record
        save_tables(
            output,
            csv=lambda: experiment_csv(found),
            html=lambda: tables_page(
                record.title,
                experiment_tables(found),
                record.description,
                [svg for _, svg in experiment_charts(found)],
            ),
        )


def _tracked(run: "Run") -> "TrackedRun":
    """What is compared of a run of MLflow's store."""
    from lamp_core.report.run_comparison import TrackedRun

    label = f"{run.info.run_name} {run.info.run_id[:8]}"
    return TrackedRun(label, run.data.tags, run.data.params, run.data.metrics)


def _find(tracking: "Tracking", name: str) -> "Run":
    """The one run of this name or beginning of an id; of several of one name the newest."""
    found = tracking.named(name)
    if not found:
        known = ", ".join(f"{run.info.run_name} {run.info.run_id[:8]}" for run in tracking.pipeline_runs(10))
        raise LampError(f"unknown run '{name}'; the last ones: {known or 'none'}")
    return found[0]
