"""``lamp promote`` and ``lamp fetch``: the models in the registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamp_core.errors import LampError
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.report.tables import TextTable
    from tasks.mlflow.registry import Registered, Registry

COLUMNS = ("version", "aliases", "metric", "value", "data", "data version", "run", "made")


def promote(
    stage: Annotated[str | None, typer.Argument(help="Stage whose model is meant.")] = None,
    wanted: Annotated[
        str | None,
        typer.Argument(
            help="Its version, an alias, or the id of the run that made it.", metavar="RUN|VERSION"
        ),
    ] = None,
    alias: Annotated[str, typer.Option(help="The name to give to this version.")] = "production",
    shown: Annotated[
        bool, typer.Option("--list", help="Show the versions, their metric and their aliases instead.")
    ] = False,
) -> None:
    """Point an alias of a registered model to one of its versions."""
    registry = _registry()
    if shown:
        _show(registry, stage)
        return
    if stage is None or wanted is None:
        raise LampError("give STAGE and RUN or VERSION, or --list")
    found = registry.promote(stage, wanted, alias)
    typer.echo(f"models:/lamp-{stage}@{alias} is version {found.version}, made by run {found.run_id[:8]}")


def fetch(
    stage: Annotated[str, typer.Argument(help="Stage whose model is meant.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write to; each model gets one of its own in it.")],
    wanted: Annotated[
        str, typer.Option("--version", help="Its version, an alias, or the id of the run that made it.")
    ] = "best",
) -> None:
    """Write a registered model, and the models it was made with, to a folder."""
    for version in _registry().fetch(stage, wanted, folder):
        typer.echo(f"{folder / version.stage}: version {version.version}, made on {version.data}")


def version_tables(registry: "Registry", stage: str | None) -> "list[TextTable]":
    """A table for each model, or for one: its versions, the newest first."""
    stages = registry.stages()
    if stage is not None and stage not in stages:
        raise LampError(f"no registered model '{stage}'; known: {', '.join(stages) or 'none'}")
    return [_table(name, registry.versions(name)) for name in stages if stage in {None, name}]


def _registry() -> "Registry":
    from tasks.mlflow.registry import Registry
    from tasks.mlflow.tracking import Tracking

    return Registry(Tracking(find_project()))


def _show(registry: "Registry", stage: str | None) -> None:
    from rich.console import Console

    from flows.tables import print_tables

    tables = version_tables(registry, stage)
    if not tables:
        raise LampError("no registered models yet; `lamp run` trains and registers them")
    print_tables(Console(), tables)


def _table(stage: str, versions: "Sequence[Registered]") -> "TextTable":
    from lamp_core.report.tables import TextTable
    from tasks.stages.catalogue import CATALOGUE

    ranking = CATALOGUE.ranking(stage)
    note = f"best: {ranking.told}, among versions measured on the same" if ranking else ""
    rows = [_row(version) for version in versions]
    return TextTable(f"lamp-{stage}", COLUMNS, rows, [note] if note else [], numbers=False)


def _row(version: "Registered") -> list[str]:
    from datetime import UTC, datetime

    made = datetime.fromtimestamp(version.created / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    value = "" if version.value is None else f"{version.value:.4g}"
    return [
        str(version.version),
        " ".join(version.aliases),
        version.metric,
        value,
        version.data,
        version.data_version[:12],
        version.run_id[:8],
        made,
    ]
