"""The folder that a stage writes: made beside the output of before, and put in its place as a whole."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lamp_core.io.disk import is_full, no_room, sync
from tasks.system.links import link

TEMPORARY = "tmp"
AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""For renameat2(2) of Linux."""


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """An empty folder beside ``output``, removed when the stage fails; those of killed processes go first.

    Only one process at a time may write an output.

    Raises:
        LampError: the disk was full; the output of before stands.
    """
    clear_leftovers(output)
    folder = output.with_name(f".{output.name}.{TEMPORARY}-{os.getpid()}")
    try:
        folder.mkdir(parents=True)
        yield folder
    except Exception as error:
        if not is_full(error):
            raise
        size = max(_size(folder), _size(output))
        shutil.rmtree(folder, ignore_errors=True)
        raise no_room(output.parent, f"the output of '{output.name}'", size, is_least=True) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(output: Path) -> None:
    """Remove what killed processes left; an output that one had just moved aside goes back into place."""
    for left in output.parent.glob(f".{output.name}.{TEMPORARY}-*"):
        if left.name.startswith(f".{output.name}.{TEMPORARY}-old-") and not output.exists():
            left.rename(output)
        elif left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def swap(new: Path, output: Path) -> None:
    """Put a finished folder, whose files are on the disk, in the place of the output.

    Where the system can exchange two names, every moment sees the old output or the new one; elsewhere two
    renames follow each other, and `clear_leftovers` mends what a kill between them leaves.
    """
    if not output.exists():
        new.rename(output)
    elif not _exchange(new, output):
        _move_aside(new, output)
    sync(output.parent)
    shutil.rmtree(new, ignore_errors=True)


def replace_by_link(source: Path, target: Path) -> None:
    """Put a second name of a file or folder in the place of what was there, as a whole."""
    clear_leftovers(target)
    new = target.with_name(f".{target.name}.{TEMPORARY}-{os.getpid()}")
    link(source, new)
    if new.is_dir():
        swap(new, target)
    else:
        os.replace(new, target)


def _move_aside(new: Path, output: Path) -> None:
    old = output.with_name(f".{output.name}.{TEMPORARY}-old-{os.getpid()}")
    output.rename(old)
    try:
        new.rename(output)
    finally:
        if not output.exists():
            old.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; return whether this system and its disk can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _size(folder: Path) -> int:
    """Bytes of the files below a folder; 0 without it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
