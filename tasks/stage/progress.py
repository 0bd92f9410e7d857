"""Live progress of a stage: a small file that the stage's process writes and the flow reads."""

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks.project import write_atomically
from tasks.system.processes import ProcessMark, this_process

SECONDS_BETWEEN_WRITES = 0.25
SECONDS_BETWEEN_LINES = 10.0

State = Literal["running", "done", "failed", "killed"]


@dataclass(frozen=True)
class Progress:
    """How far a stage's process is, or how it ended.

    Args:
        state: ``running`` until the process said how it ended.
        pid: of the stage's process.
        started: seconds since the epoch.
        updated: seconds since the epoch, of the last change.
        done: units of work done, out of ``total``; 0 of 0 when the stage does not count.
        total: units of work in all.
        text: what the stage says beside it (the loss).
        first_done: units that were done when this process began to count (a resumed stage).
        counting_since: when it began to count, seconds since the epoch.
        run_id: the stage's MLflow run.
        run_since: when that run's first process began, seconds since the epoch; a resumed stage has several.
        error: the last word of a failed stage.
        is_bad_request: whether the failure is the user's to mend (a `LampError`).
        process: mark of the stage's process (`tasks.system.processes`); no later one of its number has it.
        waits_for: what keeps the stage from starting; empty when nothing does.
    """

    state: State
    pid: int
    started: float
    updated: float
    done: int = 0
    total: int = 0
    text: str = ""
    first_done: int = 0
    counting_since: float = 0.0
    run_id: str | None = None
    run_since: float = 0.0
    error: str = ""
    is_bad_request: bool = False
    process: str = ""
    waits_for: str = ""

    @property
    def rate(self) -> float | None:
        """Units a second since this process began to count; None while that is unknown."""
        counted, seconds = self.done - self.first_done, self.updated - self.counting_since
        return counted / seconds if counted > 0 and seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the last unit at this rate; None while that is unknown."""
        return (self.total - self.done) / self.rate if self.rate else None

    @property
    def details(self) -> str:
        """What the stage says, its rate and the time left: ``loss 0.512  8.1/s  40.0 s left``.

        Of a stage that waits, what for.
        """
        if self.waits_for:
            return f"waits for {self.waits_for}"
        parts = [self.text] if self.text else []
        if self.rate:
            parts.append(f"{self.rate:.1f}/s" if self.rate < 100 else f"{self.rate:,.0f}/s")
        if self.seconds_left:
            parts.append(f"{duration(self.seconds_left)} left")
        return "  ".join(parts)

    @property
    def is_tracked(self) -> bool:
        """Whether this process works for an MLflow run; not one that finds its work done."""
        return self.run_id is not None and self.run_since > 0

    @property
    def is_alive(self) -> bool:
        """Whether the stage is running: it has not ended, and its process exists."""
        mark = ProcessMark.read(self.process) or ProcessMark(self.pid)
        return self.state == "running" and mark.is_alive


def duration(seconds: float) -> str:
    """Seconds as people say them: ``3.2 s``, ``4 min 05 s``, ``2 h 03 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressWriter:
    """Writes the progress of this process: its file four times a second at most, a line every ten seconds.

    The stage's own thread tells how far it is, that of MLflow which run it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        now = time.time()
        mark = this_process()
        self.progress = Progress("running", mark.pid, started=now, updated=now, process=str(mark))
        self._written = 0.0
        self._said = time.monotonic()
        self._counting = False
        self._changing = threading.Lock()
        self._note()

    def advance(self, done: int, total: int, text: str) -> None:
        """Note how far the stage is."""
        is_first, self._counting = not self._counting, True
        if is_first:
            self._note(False, first_done=done, counting_since=time.time())
        is_due = is_first or time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES or done >= total
        self._note(is_due, done=done, total=total, text=text, updated=time.time())
        if time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            print(f"{self._path.stem}: {done}/{total} {self.progress.details}".rstrip(), file=sys.stderr)

    def tracked_as(self, run_id: str, since: float = 0.0) -> None:
        """Note the stage's MLflow run, and when its first process began."""
        self._note(run_id=run_id, run_since=since)

    def end(self, state: State, error: str = "", *, is_bad_request: bool = False) -> None:
        """Note how the stage ended."""
        self._note(state=state, error=error, is_bad_request=is_bad_request, updated=time.time())

    def _note(self, is_due: bool = True, **changes: Any) -> None:
        with self._changing:
            self.progress = replace(self.progress, **changes)
            if is_due:
                self._written = time.monotonic()
                write_atomically(self._path, json.dumps(asdict(self.progress)))


def read_progress(path: Path) -> Progress | None:
    """Return the progress that a stage's process last wrote; None when it left none that is whole."""
    try:
        return Progress(**json.loads(path.read_text()))
    except (
        FileNotFoundError,
        ValueError,
        TypeError,
    ):  # the machine may have stopped in the middle of writing
        return None
