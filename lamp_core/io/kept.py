"""What was read from folders stays in memory until a file in them changes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

Content = TypeVar("Content")
State = tuple[tuple[str, int, int], ...]

MOST = 16
"""Contents at once; the one that was asked for longest ago goes first."""
_KEPT: OrderedDict[Hashable, tuple[State, object]] = OrderedDict()
_AT_IT = threading.Lock()


def kept(key: Hashable, folders: Sequence[Path], read: Callable[[], Content]) -> Content:
    """What `read` returned the last time, or now, where it is asked for first or a file has changed.

    Args:
        key: of the content; the same key, the same kind of content.
        folders: that it is read from.
        read: reads it; what it raises is raised, and nothing is kept.
    """
    state = _state(folders)
    with _AT_IT:
        found = _KEPT.get(key)
        if found is not None and found[0] == state:
            _KEPT.move_to_end(key)
            return found[1]  # type: ignore[return-value]  # one key, one kind
        _KEPT.pop(key, None)  # before the new one is read: both together may not fit
    content = read()
    with _AT_IT:
        _KEPT[key] = (state, content)
        while len(_KEPT) > MOST:
            _KEPT.popitem(last=False)
    return content


def _state(folders: Sequence[Path]) -> State:
    """Name, size and time of change of every file; one that vanishes meanwhile is none of them."""
    return tuple(entry for folder in folders if folder.is_dir() for entry in sorted(_files(folder)))


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.iterdir():
        with suppress(OSError):
            status = path.stat()
            if S_ISREG(status.st_mode):
                yield str(path), status.st_size, status.st_mtime_ns
