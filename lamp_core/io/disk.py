"""Files that survive a kill, a crash of the machine and a full disk.

What is written goes to a temporary name, to the disk, and into place by a rename, which goes to the disk too.
"""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from lamp_core.errors import LampError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A disk, a quota, and a limit on the size of a file."""
UNABLE = (errno.EINVAL, errno.ENOTSUP)
"""What file systems say that cannot sync a folder."""
TEMPORARY = ".tmp"


def write_text(path: Path, text: str, what: str) -> None:
    """Write a text file; several processes and threads may write the same, and the last one's stands.

    Args:
        path: of the file; its folder is made.
        text: its content.
        what: it is, for the error.

    Raises:
        LampError: the disk is full; the file of before stays.
    """
    own = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    with replacing(path, len(text.encode()), what, own) as temporary:
        temporary.write_text(text)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full.

    safetensors gives the system's number in its text alone, and NumPy only says what it could not write.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    if isinstance(error, OSError):
        return " requested and " in str(error) and str(error).endswith(" written")
    return isinstance(error, SafetensorError) and any(f"(os error {number})" in str(error) for number in FULL)


def no_room(folder: Path, what: str, size: int, *, is_least: bool = False) -> LampError:
    """The error that says how many bytes something needs, and how many the disk of a folder has left.

    Args:
        folder: where it was to be.
        what: it is.
        size: in bytes; 0 where it is not known.
        is_least: whether it may need more.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    least = "at least " if is_least else ""
    needed = (
        f"{least}{size:,} bytes, {free:,} are free" if size else f"more than the {free:,} bytes that are free"
    )
    return LampError(
        f"no room for {what} in {folder}: it needs {needed}; "
        "make room and run again, what was there before is kept"
    )


def sync(path: Path) -> None:
    """Let the content of a file, or the names in a folder, be on the disk, where the file system can sync."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Let all files below a folder be on the disk, with their names."""
    for path in folder.rglob("*"):
        if path.exists():
            sync(path)
    sync(folder)


@contextmanager
def replacing(path: Path, size: int, what: str, temporary: Path | None = None) -> Iterator[Path]:
    """A temporary name beside a file, which takes the file's place when it was written.

    Args:
        path: of the file; its folder is made.
        size: of its content in bytes.
        what: it is, for the error.
        temporary: the name, beside the file; without it one that the next writer uses again, so that what a
            killed one has left is no litter. Only one process may write such a file.

    Raises:
        LampError: the disk is full; the file of before stays.
    """
    temporary = temporary or path.with_name(path.name + TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except (OSError, SafetensorError) as error:
        if not is_full(error):
            raise
        temporary.unlink(missing_ok=True)
        raise no_room(path.parent, what, size) from error
