"""How far a command is that works on many files: a line now and then, with the time left."""

import time
from collections.abc import Callable
from dataclasses import replace

import typer

from tasks.stage.progress import SECONDS_BETWEEN_LINES, Progress


def said_progress(name: str, seconds: float = SECONDS_BETWEEN_LINES) -> Callable[[int, int, str], None]:
    """A function that is told (done, total, text) and says it on standard error, now and then.

    Args:
        name: of the work.
        seconds: between two lines.
    """
    began = said = time.monotonic()
    progress = Progress("running", 0, began, began, counting_since=began)

    def say(done: int, total: int, text: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < seconds or done >= total:
            return
        said = now
        told = replace(progress, updated=now, done=done, total=total, text=text)
        typer.echo(f"{name}: {done:,}/{total:,}  {told.details}", err=True)

    return say
