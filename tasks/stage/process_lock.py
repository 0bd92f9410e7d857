"""One process at a time for each stage of a project, whoever started it."""

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lamp_core.errors import LampError
from tasks.system.waiting import looks

PATIENCE_SECONDS = 60.0
"""A stage whose flow was killed takes a moment to write its last checkpoint and end."""


@contextmanager
def only_process(path: Path, what: str, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock of a stage or an experiment, which the system frees when this process ends.

    Args:
        path: of the lock's file.
        what: is held, as the error says it: "stage 'tokenizer'".
        patience: seconds to wait for a process that holds it.

    Raises:
        LampError: another process has it for longer than that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _wait_for(file.fileno(), path, what, patience)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _wait_for(descriptor: int, path: Path, what: str, patience: float) -> None:
    is_told = False
    for _ in looks(patience):
        if _take(descriptor):
            return
        holder = f"{what} is run by process {path.read_text() or '(just started)'}"
        if not is_told and patience > 0:
            print(f"{holder}; waiting", file=sys.stderr, flush=True)
            is_told = True
    raise LampError(f"{holder}; wait for its end, or end it")


def _take(descriptor: int) -> bool:
    """Take the lock if it is free. It is of the kind that processes forked by a stage do not inherit."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True
