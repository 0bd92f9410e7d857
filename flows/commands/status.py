"""``lamp status``."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from flows.parameters import look_at_source
from lamp_core.config import load_params
from tasks.project import Project, find_project

if TYPE_CHECKING:
    from rich.console import Group

    from flows.pipeline.stage_states import StageStates

SECONDS_BETWEEN_LOOKS = 1.0
"""As often as somebody who watches can read them."""


def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Stay and show how far the stages are, until Ctrl-C.")
    ] = False,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="With --watch: end when no run is at work any more.")
    ] = False,
) -> None:
    """Show every stage: fresh, stale and why, missing, running or waiting; and the runs that are at work."""
    from rich.console import Console

    from flows.pipeline.stage_states import StageStates

    project = find_project()
    look_at_source(project, load_params(project.params_file))
    states = StageStates(project)
    if watch:
        _watch(project, states, until_done)
    else:
        Console().print(_page(project, states, bars=False))


def _watch(project: Project, states: "StageStates", until_done: bool) -> None:
    """Show the states anew every second; Ctrl-C ends it well."""
    from rich.live import Live

    try:
        with Live(_page(project, states, bars=True), auto_refresh=False) as live:
            while not (until_done and states.is_quiet):
                time.sleep(SECONDS_BETWEEN_LOOKS)
                states.look_again()
                live.update(_page(project, states, bars=True), refresh=True)
    except KeyboardInterrupt:
        return


def _page(project: Project, states: "StageStates", *, bars: bool) -> "Group":
    """Runs at work and the last one that did not end well, and a row a stage."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from flows.pipeline.display import BAR_WIDTH, STYLES

    table = Table("stage", "state", *(["progress"] if bars else []), "because", box=None, header_style="bold")
    for name, (state, reason) in states.rows().items():
        progress = states.progress.get(name)
        bar: ProgressBar | str = ""
        if progress is not None and state == "running" and progress.total:
            bar = ProgressBar(total=progress.total, completed=progress.done, width=BAR_WIDTH)
        style = STYLES.get(state, "yellow")
        table.add_row(name, Text(state, style), *([bar] if bars else []), Text(reason))
    return Group(*(Text(line, "bold") for line in states.run_lines()), table)
