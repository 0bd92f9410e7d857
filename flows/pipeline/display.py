"""What a run shows while it runs: a row a stage on a terminal, plain lines elsewhere."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.pipeline.plan import State
from flows.terminal import line_console
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


class Display(AbstractContextManager["Display"]):
    """Shows the states of the stages."""

    def __exit__(self, *error: object) -> None:
        """Leave things as they are."""

    @abstractmethod
    def show(self, name: str, state: State, *, seconds: float | None = None, note: str = "") -> None:
        """A stage changed its state."""

    @abstractmethod
    def progress(self, name: str, progress: Progress) -> None:
        """A running stage is this far."""


def make_display(names: Sequence[str]) -> Display:
    """The display that suits the standard output."""
    console = Console()
    return TableDisplay(names, console) if console.is_terminal else LineDisplay(line_console().print)


class LineDisplay(Display):
    """A line for each change, and for a running stage a line now and then.

    Args:
        say: takes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown_at: dict[str, float] = {}
        self._waits: dict[str, str] = {}

    def show(self, name: str, state: State, *, seconds: float | None = None, note: str = "") -> None:
        """Print the stage's new state."""
        self._shown_at[name] = time.monotonic()
        after = f" in {duration(seconds)}" if seconds is not None else ""
        self._say(f"{name}: {state}{after}{f' ({note})' if note else ''}")

    def progress(self, name: str, progress: Progress) -> None:
        """Print how far the stage is, when nothing was said of it for a while; what it waits for, at once."""
        if progress.waits_for:
            if self._waits.get(name) != progress.waits_for:
                self._say(f"{name}: {progress.details}")
            self._waits[name] = progress.waits_for
            return
        self._waits.pop(name, None)
        if time.monotonic() - self._shown_at.get(name, 0.0) < SECONDS_BETWEEN_LINES or not progress.total:
            return
        self._shown_at[name] = time.monotonic()
        self._say(f"{name}: {progress.done}/{progress.total} {progress.details}".rstrip())


class TableDisplay(Display):
    """A live table: stage, state, bar, what the stage says, rate and time left."""

    def __init__(self, names: Sequence[str], console: Console) -> None:
        self._states: dict[str, State] = dict.fromkeys(names, "waiting")
        self._notes: dict[str, str] = {}
        self._progress: dict[str, Progress] = {}
        self._live = Live(self._table(), console=console, refresh_per_second=4, get_renderable=self._table)

    def __enter__(self) -> "TableDisplay":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
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
