"""``lamp compare``: MLflow runs side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamp_core.errors import LampError
from tasks.project import find_project

if TYPE_CHECKING:
    from mlflow.entities import Run
    from rich.table import Table

    from tasks.tracking import Tracking

LAST_RUNS = 4
RUN_WIDTH = 20
SHOWN_TAGS = ("data", "data_version", "git_commit", "ran")


def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Names or ids of runs; else the last four.")
    ] = None,
) -> None:
    """Set tracked runs side by side: metrics, then the parameters that differ."""
    from rich.console import Console

    from tasks.tracking import Tracking

    tracking = Tracking(find_project())
    found = [_find(tracking, name) for name in runs] if runs else tracking.pipeline_runs(LAST_RUNS)
    if not found:
        raise LampError("no runs yet; `lamp run` makes one")
    metrics = _metrics(found)
    # A name that is cut says nothing; a terminal that is too narrow wraps the line instead.
    needed = max(map(len, metrics), default=0) + RUN_WIDTH * len(found)
    console = Console(width=max(needed, Console().width))
    console.print(comparison("metric", found, metrics))
    differing = different({run.info.run_id: _parameters(run) for run in found})
    if differing:
        console.print(comparison("parameter", found, differing))


def comparison(kind: str, runs: Sequence["Run"], rows: Mapping[str, Sequence[str]]) -> "Table":
    """A table with a column a run."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column(kind, no_wrap=True)
    for run in runs:
        table.add_column(f"{run.info.run_name}\n{run.info.run_id[:8]}", justify="right", overflow="fold")
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def different(values_of_run: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The keys whose values are not the same in all runs, with a value a run (empty where it has none)."""
    keys = dict.fromkeys(key for values in values_of_run.values() for key in values)
    rows = {key: [values.get(key, "") for values in values_of_run.values()] for key in keys}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _metrics(runs: Sequence["Run"]) -> dict[str, list[str]]:
    names = sorted({name for run in runs for name in run.data.metrics})
    return {name: [_shown(run.data.metrics.get(name)) for run in runs] for name in names}


def _parameters(run: "Run") -> dict[str, str]:
    tags = {name: run.data.tags[name] for name in SHOWN_TAGS if name in run.data.tags}
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
