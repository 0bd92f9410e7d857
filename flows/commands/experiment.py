"""``lamp experiment``: rows or a grid of overrides as tracked runs, and their table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.terminal import line_console
from lamp_core.errors import LampError
from tasks.project import Project, find_project
from tasks.system.exit_status import FAILED
from tasks.system.processes import interrupt_on_signals
from tasks.system.workspace import require_workspace

if TYPE_CHECKING:
    from rich.console import Console

    from lamp_core.report.experiment_results import ExperimentResults

MOST_SEEDS = 1000


def experiment(
    file: Annotated[Path, typer.Argument(help="The experiment, YAML; docs/experiments.md has its form.")],
    data: Annotated[
        str | None, typer.Option(help="Data set, in place of the one in the file.", metavar="NAME")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Profile, in place of the one in the file.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=C", help="Set a parameter of all rows; may be repeated."),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="LABEL", help="Run this row only; may be repeated."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Keep the numbers under this name, in place of the one in the file.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_SEEDS, help="Train every row with so many seeds, in place of those in the file."
        ),
    ] = None,
    workers: Annotated[
        bool, typer.Option("--workers", help="Run the rows side by side on the workers; docs/cluster.md.")
    ] = False,
) -> None:
    """Run the rows of an experiment, each a tracked run; what they share is computed once.

    The same command goes on after an interruption; rows that have finished cost seconds. Rows work in a
    snapshot: params.yaml and the outputs here stay as they are.
    """
    from flows.experiments.experiment import run_experiment
    from lamp_core.config.experiment import changed, load_experiment

    interrupt_on_signals()
    described = changed(load_experiment(file), name=name, seeds=seeds)
    project, console = find_project(), line_console()
    require_workspace(project)
    results = run_experiment(
        project,
        described,
        console.print,
        data=data,
        profile=profile,
        assigned=assignments or [],
        labels=rows or [],
        workers=workers,
    )
    print_experiment(console, results)
    console.print(f"`lamp compare --experiment {results.record.name} -o FILE.html` writes it")
    if any(row.state == "failed" for row in results.record.rows):
        raise typer.Exit(FAILED)


def print_experiment(console: "Console", results: "ExperimentResults") -> None:
    """Print the tables of an experiment."""
    from flows.tables import print_tables
    from lamp_core.report.experiments import experiment_tables

    console.print()
    console.print(results.record.title, style="bold")
    console.print()
    print_tables(console, experiment_tables(results))


def find_experiment(project: Project, name: str) -> "ExperimentResults":
    """Read what an experiment has measured.

    Raises:
        LampError: there is none of this name; the known ones are named.
    """
    from lamp_core.report.experiment_results import experiment_names, read_experiment

    known = experiment_names(project.experiments)
    if name not in known:
        raise LampError(
            f"no experiment '{name}'; known: {', '.join(known) or 'none'}; `lamp experiment FILE` makes one"
        )
    return read_experiment(project.experiments / name)
