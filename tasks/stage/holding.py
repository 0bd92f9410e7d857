"""One process at a time runs a stage: a lock that the system takes from a process that dies.

The file ``.lamp/held/STAGE.lock`` is locked while the stage is run, and names the process. DVC's process
inherits the lock, so that the stage stays held until DVC has ended too, should the flow be killed before it.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lamp_core.io.file_lock import take
from tasks.project import Project
from tasks.stage.progress import read_progress
from tasks.system.processes import ProcessMark, send_signal, this_process
from tasks.system.waiting import looks

Waits = Callable[[], bool]


def always() -> bool:
    """Wait for as long as it takes."""
    return True


class RepositoryBusy(Exception):
    """Another process holds a lock; it passes by itself."""


class StageHeld(RepositoryBusy):
    """Another process runs the stage, and it was not to be waited for."""


@contextmanager
def held_stage(project: Project, name: str, waits: Waits) -> Iterator[int]:
    """Hold a stage; gives the lock's file number, for DVC's process to inherit.

    Args:
        project: the project.
        name: of the stage.
        waits: whether to wait while another process runs the stage; asked again and again.

    Raises:
        StageHeld: another process runs the stage, and is not to be waited for.
    """
    path = project.hold_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _take(project, name, file, waits)
        _note(file, str(this_process()))
        try:
            yield file.fileno()
        finally:
            _note(file, "")


def holder(project: Project, name: str) -> ProcessMark | None:
    """The process that runs a stage, or has begun to; None when none does."""
    try:
        mark = ProcessMark.read(project.hold_file(name).read_text())
    except FileNotFoundError:
        mark = None
    if mark is not None and mark.is_alive:
        return mark
    progress = read_progress(project.progress_file(name))
    return ProcessMark(progress.pid) if progress is not None and progress.is_alive else None


def end_stage(project: Project, name: str, number: int = signal.SIGTERM) -> bool:
    """Send a stage's process a signal, by default to end with a checkpoint; whether there was a process."""
    progress = read_progress(project.progress_file(name))
    if progress is None or not progress.is_alive:
        return False
    return send_signal(progress.pid, number)


def _take(project: Project, name: str, file: TextIO, waits: Waits) -> None:
    """Lock the file, when neither a run nor a stage's process by itself is at work."""
    is_ours = False
    for _ in looks():
        is_ours = is_ours or take(file)
        progress = read_progress(project.progress_file(name)) if is_ours else None
        if is_ours and (progress is None or not progress.is_alive):
            return
        if not waits():
            who = holder(project, name)
            by = f"process {who.pid}" if who else "a process that is about to end"
            raise StageHeld(f"stage '{name}' is run by {by}; without --no-wait its end is waited for")


def _note(file: TextIO, text: str) -> None:
    os.ftruncate(file.fileno(), 0)
    os.write(file.fileno(), text.encode())
