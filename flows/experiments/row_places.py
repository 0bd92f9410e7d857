"""Where the rows of an experiment run: one after another in the workspace, or side by side on workers.

On workers each row has a light clone of the project below ``.lamp/experiments/NAME``, with parameters,
``dvc.lock`` and outputs of its own, and a run of the pipeline that only hands stages out. What rows share has
one key: the first that needs it lets a worker compute it, the others take it over.
"""

import re
import shutil
from collections.abc import Callable
from typing import Protocol

from rich.console import Console

from flows.pipeline.display import Display, LineDisplay
from flows.workers.clone import check_out, require_committed, untracked
from flows.workers.runner import WorkersRunner
from tasks.project import Project

ROWS_AT_ONCE = 16
SOURCES = "data/sources"

Say = Callable[[str], None]


class RowPlaces(Protocol):
    """Gives each row a project to run in."""

    @property
    def at_once(self) -> int:
        """Rows that may run side by side."""

    def place(self, label: str) -> Project:
        """The project that a row runs in."""

    def runner(self, place: Project) -> WorkersRunner | None:
        """What carries the row's stages out; None for processes of this machine."""

    def display(self, label: str) -> Display | None:
        """What shows the row's stages; None for what suits the terminal."""

    def interrupt(self) -> None:
        """Tell the stages of all rows to end."""


class InWorkspace:
    """Rows one after another in the workspace.

    Args:
        project: the workspace.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def at_once(self) -> int:
        """One."""
        return 1

    def place(self, label: str) -> Project:
        """The workspace."""
        return self._project

    def runner(self, place: Project) -> WorkersRunner | None:
        """Processes of this machine."""
        return None

    def display(self, label: str) -> Display | None:
        """What suits the terminal."""
        return None

    def interrupt(self) -> None:
        """Do nothing: the run of the pipeline that is interrupted ends its stages itself."""


class OnWorkers:
    """Rows side by side on workers.

    Args:
        project: the workspace; its tracked files are those of a commit that the workers' clones can fetch.
        experiment: name of the experiment.
        say: tells the user how far a row is.

    Raises:
        LampError: uncommitted changes, no DVC remote, no server.
    """

    def __init__(self, project: Project, experiment: str, say: Say) -> None:
        self._project, self._say = project, say
        self._commit = require_committed(project)
        self._folder = project.state / "experiments" / experiment
        self._runners: list[WorkersRunner] = []
        first = WorkersRunner(project)
        first.push_what_is_here()

    @property
    def at_once(self) -> int:
        """Many: what finds no worker waits in Prefect's queue."""
        return ROWS_AT_ONCE

    def place(self, label: str) -> Project:
        """A light clone of the project, with the descriptions of its registered data sets."""
        place = Project(self._folder / re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-"))
        check_out(self._project, place, self._commit)
        for path in untracked(self._project, [SOURCES]):
            target = place.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._project.root / path, target)
        return place

    def runner(self, place: Project) -> WorkersRunner | None:
        """Workers; what only this machine can run, one row at a time runs here."""
        runner = WorkersRunner(place, origin=self._project)
        self._runners.append(runner)
        return runner

    def display(self, label: str) -> Display | None:
        """Lines that begin with the row's label."""
        return LineDisplay(_Labelled(label, self._say))

    def interrupt(self) -> None:
        """Tell the stages of all rows to end."""
        for runner in self._runners:
            runner.interrupt_all()


class _Labelled(Console):
    """A console whose lines begin with a label."""

    def __init__(self, label: str, say: Say) -> None:
        super().__init__(force_terminal=False)
        self._label, self._say_line = label, say

    def print(self, *objects: object, **options: object) -> None:
        """Print a line."""
        self._say_line(f"{self._label}: {' '.join(map(str, objects))}")
