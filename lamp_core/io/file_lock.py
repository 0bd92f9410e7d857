"""A lock on a file between processes: the system takes it from a process that dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

IN_FOLDER = ".lock"


@contextmanager
def locked(path: Path, *, is_shared: bool = False, waits: bool = True) -> Iterator[TextIO | None]:
    """Hold the lock of a file, which is made where it is not there; a process that inherits the file holds it
    too.

    Args:
        path: of the file.
        is_shared: whether others may hold it with us, who share it as well.
        waits: whether to wait for another's lock; None is given where it is not waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        yield file if take(file, is_shared=is_shared, waits=waits) else None


def take(file: TextIO, *, is_shared: bool = False, waits: bool = False) -> bool:
    """Lock an open file until it is closed; whether that was possible."""
    how = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, how if waits else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While the block runs, no other process and no other thread is in such a block for the same folder.

    Args:
        folder: made where it is missing; the lock is a file in it, which stays.
    """
    with locked(folder / IN_FOLDER):
        yield
