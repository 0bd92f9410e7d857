"""What is written to a terminal: lines as they are, and a bar while something is measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def line_console(*, of_errors: bool = False) -> "Console":
    """A console that prints lines as they are: names and errors may hold brackets, and are not broken.

    Args:
        of_errors: whether it prints to the standard error.
    """
    from rich.console import Console

    return Console(stderr=of_errors, markup=False, emoji=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[..., None]]:
    """A bar, where there is a terminal; gives what moves it: called with units done, of all, and a text."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)  # a bar is drawn over: no row may be wider than the terminal
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)

        def on_progress(done: int, total: int, text: str = label) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield on_progress
