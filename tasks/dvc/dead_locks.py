"""What a DVC process leaves behind when it is killed or the machine stops: locks of nobody.

DVC itself forgets entries of processes that do not exist. It takes a number that another program has by now,
as after a reboot, for the process that is gone, and a file that was cut off for damage that a person mends.
"""

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.project import Project, write_atomically
from tasks.system.processes import PROC, command_of, process_exists, started_at

CLOCK_SECONDS = 2.0
"""By how much the start of a process and the time of a file may be off against each other."""


def clear_dead_locks(project: Project) -> None:
    """Remove DVC's locks whose owner is gone, and say so."""
    folder = project.root / ".dvc" / "tmp"
    if (folder / "rwlock").exists():
        _clear_entries(folder / "rwlock")
    lock = folder / "lock"
    if lock.exists() and lock.stat().st_nlink > 1 and not _dvc_works_in(project.root):
        lock.unlink(missing_ok=True)  # core.hardlink_lock: the file is the lock, and outlives its owner
        _say(f"{lock}: its DVC process is gone; removed")


def _clear_entries(rwlock: Path) -> None:
    """Drop the entries of dead processes; drop the file when it was cut off."""
    try:
        text = rwlock.read_text()
        kept, gone = _living(json.loads(text), rwlock.stat().st_mtime)
    except FileNotFoundError:
        return
    except (ValueError, AttributeError, KeyError, TypeError):
        kept, gone = None, []
    if kept is not None and not gone:
        return
    with rwlock.with_name("rwlock.lock").open("a+") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # a DVC process is writing it at this moment
        if not rwlock.exists() or (kept is not None and rwlock.read_text() != text):
            return
        if kept is None:
            rwlock.unlink()
            _say(f"{rwlock}: cut off by a process that was killed; removed")
        else:
            write_atomically(rwlock, json.dumps(kept))
            _say(f"{rwlock}: process {', '.join(map(str, sorted(set(gone))))} is gone; its locks are removed")


def _living(lock: Mapping[str, Any], written: float) -> tuple[dict[str, Any], list[int]]:
    """The entries of processes that live, and the numbers of those that do not."""
    gone: list[int] = []

    def lives(info: Mapping[str, Any]) -> bool:
        is_alive = _is_owner(int(info["pid"]), written)
        gone.extend([] if is_alive else [int(info["pid"])])
        return is_alive

    write = {path: info for path, info in lock.get("write", {}).items() if lives(info)}
    read = {path: [info for info in infos if lives(info)] for path, infos in lock.get("read", {}).items()}
    return {"write": write, "read": {path: infos for path, infos in read.items() if infos}}, gone


def _is_owner(pid: int, written: float) -> bool:
    """Whether the process of this number can have written a lock: it runs DVC, and ran already then."""
    if not process_exists(pid):
        return False
    command, started = command_of(pid), started_at(pid)
    return (not command or _is_dvc(command)) and (started is None or started <= written + CLOCK_SECONDS)


def _is_dvc(command: str) -> bool:
    """Whether a command line runs DVC: ``dvc ...``, ``python -m dvc ...``."""
    return any(Path(word).name == "dvc" for word in command.split())


def _dvc_works_in(root: Path) -> bool:
    """Whether a DVC process has the project as its present folder; True where the system does not tell."""
    if not PROC.is_dir():
        return True
    for process in PROC.iterdir():
        if process.name.isdigit() and _is_dvc(command_of(int(process.name))):
            try:
                if root == Path(os.readlink(process / "cwd")):  # noqa: PTH115
                    return True
            except OSError:
                continue
    return False


def _say(line: str) -> None:
    print(line, file=sys.stderr)
