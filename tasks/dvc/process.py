"""DVC as a process of its own: what it prints goes to a file line by line, and it ends with this process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.system.orphans import lifeline_environment
from tasks.system.resources import few_spins
from tasks.system.waiting import SECONDS_BETWEEN_LOOKS

SECONDS_TO_END = 12.0
"""For a stage that is told to end: its present step, a checkpoint, its last words."""
SECONDS_TO_RECORD = 45.0
"""For noting in ``dvc.lock`` what a stage has just finished, when the flow is killed at that moment."""
LOCK_MESSAGES = ("Unable to acquire lock", "Failed to acquire lock", "is busy, it is being blocked by")
NETWORK_MESSAGES = (
    "Cannot connect to host",
    "Could not connect to the endpoint",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "ConnectionError",
    "ConnectTimeout",
    "Max retries exceeded",
    "Name or service not known",
    "Network is unreachable",
    "No route to host",
    "ReadTimeout",
    "Service Unavailable",
    "Temporary failure in name resolution",
    "Unable to connect",
    "timed out",
)
"""How the libraries below DVC say that a remote cannot be reached now."""

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a DVC process ended.

    Args:
        status: its exit status.
        text: what it and the stage's process printed.
        is_late: whether it was ended since it took longer than it may.
    """

    status: int
    text: str
    is_late: bool


def dvc_command(*arguments: str) -> list[str]:
    """DVC with this interpreter, ending with this process."""
    return [sys.executable, "-m", "tasks.system.orphans", "tasks.dvc.command", *arguments]


def dvc_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The present environment, with this interpreter first on the path and DVC's calls home off."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    lifeline = lifeline_environment(grace=SECONDS_TO_RECORD)
    return {
        **os.environ,
        **few_spins(),
        "PATH": path,
        "DVC_NO_ANALYTICS": "true",
        **lifeline,
        **(extra or {}),
    }


def run_logged(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log_file: Path,
    on_line: OnLine | None = None,
    seconds: float | None = None,
    stop: Callable[[int], bool] = lambda number: False,
    inherited: Sequence[int] = (),
) -> Ended:
    """Run a process to its end, what it prints in a file.

    Args:
        command: with its arguments.
        folder: where it works.
        environment: all of it.
        log_file: for what it prints; written anew.
        on_line: called with every line as it comes.
        seconds: that it may take.
        stop: ends the work by a signal; returns whether there was any. Without, the process gets the signal.
            The first is SIGTERM; a work that goes on for long is killed.
        inherited: files that it keeps open.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    until = None if seconds is None else time.monotonic() + seconds
    is_late = False
    with log_file.open("wb") as log, log_file.open(errors="replace") as lines:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=log, stderr=log, pass_fds=inherited
        )
        told = Told(lines.readline, on_line)
        while process.poll() is None:
            if until is not None and time.monotonic() >= until:
                number = signal.SIGKILL if is_late else signal.SIGTERM
                if not stop(number):
                    process.send_signal(number)
                is_late, until = True, time.monotonic() + SECONDS_TO_END
            try:
                process.wait(SECONDS_BETWEEN_LOOKS)
            except subprocess.TimeoutExpired:
                told.tell()
        told.tell(is_end=True)
    return Ended(process.returncode, log_file.read_text(errors="replace"), is_late)


class Told:
    """Lines of a growing file, told as they become whole."""

    def __init__(self, read: Callable[[], str], on_line: OnLine | None) -> None:
        self._read, self._on_line = read, on_line
        self._begun = ""

    def tell(self, *, is_end: bool = False) -> None:
        """Tell the lines that have come; at the end, one that was not ended as well."""
        if self._on_line is None:
            return
        while part := self._read():
            self._begun += part
            if self._begun.endswith("\n"):
                self._flush(self._on_line)
        if is_end and self._begun:
            self._flush(self._on_line)

    def _flush(self, on_line: OnLine) -> None:
        line, self._begun = self._begun.rstrip(), ""
        if line:
            on_line(line)
