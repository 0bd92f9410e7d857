"""What MLflow has not taken yet, in a file that survives everything, until it is sent.

A server may be away; and a stage that a run has started writes here alone, since importing MLflow costs
seconds of a processor: the run's process has it already, and sends. Entries of all processes of a project
stand in one file, in the order in which they were written: a run's start before its numbers, a parent before
its children. A run whose start is kept has an id of our own, and the store's from the moment at which its
start is sent.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamp_core.io.file_lock import locked

Entry = dict[str, Any]


class Outbox:
    """The entries in a folder, which need not exist yet.

    Args:
        folder: of the project's state; all processes of the project share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries, self._ids = folder / "entries.jsonl", folder / "ids.jsonl"

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        try:
            return self._entries.stat().st_size == 0
        except FileNotFoundError:
            return True

    def append(self, entry: Entry) -> None:
        """Keep an entry; it is on the disk when this returns."""
        with locked(self._folder / "lock"), self._entries.open("ab+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
            begins = b"" if file.read(1) in {b"", b"\n"} else b"\n"  # behind a line that a crash cut off
            file.write(begins + json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def keep_file(self, path: Path) -> Path:
        """Keep a file beside the entries, by a link where the file system has them; return where."""
        kept = self._folder / "files" / uuid.uuid4().hex / path.name
        kept.parent.mkdir(parents=True)
        try:
            os.link(path, kept)
        except OSError:
            shutil.copyfile(path, kept)
        return kept

    def forget_file(self, kept: Path) -> None:
        """Remove a kept file that has been sent."""
        shutil.rmtree(kept.parent, ignore_errors=True)

    def note_id(self, own: str, of_store: str) -> None:
        """Remember the store's id of a run that had one of our own."""
        with locked(self._folder / "lock"), self._ids.open("a") as file:
            file.write(json.dumps([own, of_store]) + "\n")

    def ids(self) -> dict[str, str]:
        """The store's ids of runs by those of our own."""
        return dict(pair for pair in _lines(self._ids) if isinstance(pair, list))

    def id_of(self, run_id: str) -> str:
        """The store's id of a run whose start was kept, when it has been sent; of any other run, its own."""
        return self.ids().get(run_id, run_id)

    @contextmanager
    def sending(self) -> Iterator[list[Entry] | None]:
        """The entries that wait, for one process at a time; None while another sends.

        Those that are taken from the front of the list while the block runs are removed for good, also when
        the block fails.
        """
        with locked(self._folder / "sending", waits=False) as ours:
            if ours is None:
                yield None
                return
            with locked(self._folder / "lock"):  # no half of an entry that is being appended
                waiting = list(_lines(self._entries))
            found = len(waiting)
            try:
                yield waiting
            finally:
                self._cut(found - len(waiting))

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Tell other processes that somebody sends what is appended while the block runs."""
        with locked(self._folder / "attended", is_shared=True):
            yield

    @property
    def is_attended(self) -> bool:
        """Whether a process that lives sends what is appended."""
        with locked(self._folder / "attended", waits=False) as ours:
            return ours is None

    def _cut(self, count: int) -> None:
        """Remove entries from the front; others may have appended since they were read."""
        if not count:
            return
        with locked(self._folder / "lock"):
            left = self._entries.read_bytes().splitlines(keepends=True)[count:]
            new = self._entries.with_suffix(".new")
            new.write_bytes(b"".join(left))
            os.replace(new, self._entries)


def _lines(path: Path) -> Iterator[Any]:
    """The whole lines of a file of JSON; one that a crash of the machine has cut off is none."""
    text = path.read_text() if path.exists() else ""
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield {"do": "nothing", "run": ""}
