"""What a run shows while it runs: a row a stage on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.pipeline.plan import State
from tasks.stage.progress import Progress, duration

STYLES: Mapping[str, str] = {
    "waiting": "dim",
    "running": "cyan",
    "fresh": "green",
    "restored": "green",
    "done": "bold green",
    "failed": "bold red",
    "cancelled": "yellow",
    "blocked": "yellow",
}
SECONDS_BETWEEN_LINES = 15.0
BAR_WIDTH = 28


class Display(Protocol):
    """Shows the states of the stages."""

    def __enter__(self) -> "Display": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, name: str, state: State, *, seconds: float | None = None, note: str = "") -> None:
        """A stage changed its state."""

    def progress(self, name: str, progress: Progress) -> None:
        """A running stage is this far."""


def make_display(names: Sequence[str], console: Console | None = None) -> Display:
    """The display that suits the console."""
    console = console or Console()
    return TableDisplay(names, console) if console.is_terminal else LineDisplay(console)


class LineDisplay:
    """A line for each change, and for a running stage a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at: dict[str, float] = {}
        self._waits: dict[str, str] = {}

    def __enter__(self) -> "LineDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, name: str, state: State, *, seconds: float | None = None, note: str = "") -> None:
        """Print the stage's new state."""
        self._shown_at[name] = time.monotonic()
        after = f" in {duration(seconds)}" if seconds is not None else ""
        self._print(f"{name}: {state}{after}{f' ({note})' if note else ''}")

    def progress(self, name: str, progress: Progress) -> None:
        """Print how far the stage is, when nothing was said of it for a while; what it waits for, at once."""
        if progress.waits_for:
            if self._waits.get(name) != progress.waits_for:
                self._print(f"{name}: {progress.details}")
            self._waits[name] = progress.waits_for
            return
        self._waits.pop(name, None)
        if time.monotonic() - self._shown_at.get(name, 0.0) < SECONDS_BETWEEN_LINES or not progress.total:
            return
        self._shown_at[name] = time.monotonic()
        self._print(f"{name}: {progress.done}/{progress.total} {progress.details}".rstrip())

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Labelled(Console):
    """A console whose lines begin with a label, and go to a function.

    Args:
        label: of every line; empty for none.
        say: takes a line.
    """

    def __init__(self, label: str, say: Callable[[str], None]) -> None:
        super().__init__(force_terminal=False)
        self._prefix, self._say = f"{label}: " if label else "", say

    def print(self, *objects: object, **options: object) -> None:
        """Say a line."""
        self._say(f"{self._prefix}{' '.join(map(str, objects))}")


class TableDisplay:
    """A live table: stage, state, bar, what the stage says, rate and time left."""

    def __init__(self, names: Sequence[str], console: Console) -> None:
        self._states: dict[str, State] = dict.fromkeys(names, "waiting")
        self._notes: dict[str, str] = {}
        self._progress: dict[str, Progress] = {}
        self._live = Live(self._table(), console=console, refresh_per_second=4, get_renderable=self._table)

    def __enter__(self) -> "TableDisplay":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, name: str, state: State, *, seconds: float | None = None, note: str = "") -> None:
        """Change the stage's row."""
        self._states[name] = state
        self._notes[name] = " ".join(part for part in (duration(seconds) if seconds else "", note) if part)

    def progress(self, name: str, progress: Progress) -> None:
        """Move the stage's bar."""
        self._progress[name] = progress

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, state in self._states.items():
            progress = self._progress.get(name) if state == "running" else None
            bar: ProgressBar | str = ""
            if progress is not None:
                bar = ProgressBar(total=progress.total or None, completed=progress.done, width=BAR_WIDTH)
            details = progress.details if progress is not None else self._notes.get(name, "")
            style = STYLES[state]
            table.add_row(
                Text(name, style), Text(state, style), bar, Text(details, overflow="ellipsis", no_wrap=True)
            )
        return table
