"""``lamp compare``: MLflow runs, or the rows of an experiment, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamp_core.errors import LampError
from tasks.project import Project, find_project

if TYPE_CHECKING:
    from mlflow.entities import Run
    from rich.console import Console

    from lamp_core.render.tables import TextTable
    from tasks.tracking import Tracking

LAST_RUNS = 4
ORIGIN_TAGS = ("experiment", "row", "data", "data_version", "profile", "git_commit", "git_dirty", "ran")
DIFFERENCES, METRICS = "Differences of parameters and data", "Metrics"


def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Names or ids of runs; else the last four.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Show the tables of this experiment instead.", metavar="NAME")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write a file: .csv or .html.")
    ] = None,
) -> None:
    """Set tracked runs side by side: first the parameters and data that differ, then the metrics."""
    from rich.console import Console

    from flows.tables import check_ending

    if experiment is not None and runs:
        raise LampError("give runs, or --experiment NAME")
    if output is not None:
        check_ending(output)
    project = find_project()
    if experiment is not None:
        _compare_rows(Console(), project, experiment, output)
    else:
        _compare_runs(project, runs or [], output)
    if output is not None:
        typer.echo(output)


def comparison(runs: Sequence["Run"]) -> "list[TextTable]":
    """Tables with a column a run: what differs between them, and their metrics."""
    from lamp_core.render.tables import TextTable

    header = ["", *(f"{run.info.run_name}\n{run.info.run_id[:8]}" for run in runs)]
    differing = different([_parameters(run) for run in runs])
    parts = {DIFFERENCES: differing, METRICS: _metrics(runs)}
    return [
        TextTable(title, header, [[name, *values] for name, values in rows.items()])
        for title, rows in parts.items()
        if rows
    ]


def different(values_of_runs: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The keys whose values are not the same in all runs, with a value a run (empty where it has none)."""
    keys = dict.fromkeys(key for values in values_of_runs for key in values)
    rows = {key: [values.get(key, "") for values in values_of_runs] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _compare_runs(project: Project, names: Sequence[str], output: Path | None) -> None:
    from rich.console import Console

    from flows.tables import print_tables, save_tables
    from lamp_core.render.tables import csv_text, tables_page
    from tasks.tracking import Tracking

    tracking = Tracking(project)
    found = [_find(tracking, name) for name in names] if names else tracking.pipeline_runs(LAST_RUNS)
    if not found:
        raise LampError("no runs yet; `lamp run` makes one")
    tables = comparison(found)
    print_tables(Console(), tables)
    if output is not None:
        labels = [f"{run.info.run_name} {run.info.run_id[:8]}" for run in found]
        rows = [(table.title, *row) for table in tables for row in table.rows]
        save_tables(
            output,
            csv=lambda: csv_text(("kind", "name", *labels), rows),
            html=lambda: tables_page("Runs side by side", tables),
        )


def _compare_rows(console: "Console", project: Project, name: str, output: Path | None) -> None:
    from flows.commands.experiment import find_experiment, print_experiment
    from flows.tables import save_tables
    from lamp_core.render.experiments import experiment_csv, experiment_tables
    from lamp_core.render.tables import tables_page

    found = find_experiment(project, name)
    print_experiment(console, found)
    if output is not None:
        record = found.record
        save_tables(
            output,
            csv=lambda: experiment_csv(found),
            html=lambda: tables_page(record.title, experiment_tables(found), record.description),
        )


def _metrics(runs: Sequence["Run"]) -> dict[str, list[str]]:
    names = sorted({name for run in runs for name in run.data.metrics})
    return {name: [_shown(run.data.metrics.get(name)) for run in runs] for name in names}


def _parameters(run: "Run") -> dict[str, str]:
    tags = {name: run.data.tags[name] for name in ORIGIN_TAGS if name in run.data.tags}
    return {**tags, **run.data.params}


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"


def _find(tracking: "Tracking", name: str) -> "Run":
    """The one run of this name or beginning of an id; of several of one name the newest."""
    found = tracking.named(name)
    if not found:
        known = ", ".join(f"{run.info.run_name} {run.info.run_id[:8]}" for run in tracking.pipeline_runs(10))
        raise LampError(f"unknown run '{name}'; the last ones: {known or 'none'}")
    return found[0]
