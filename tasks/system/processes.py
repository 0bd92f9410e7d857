"""Which process is meant, beyond its number: numbers come again after an end, and after a reboot."""

import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
STATE_FIELD, START_FIELD = 0, 19
"""Of ``/proc/PID/stat``, counted behind the command's name (proc(5): fields 3 and 22)."""


@dataclass(frozen=True)
class ProcessMark:
    """One process of this machine.

    Args:
        pid: its number.
        boot: of the machine, while the process runs; empty where the system does not tell.
        start: in clock ticks since that boot; empty where the system does not tell.
    """

    pid: int
    boot: str = ""
    start: str = ""

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        """The process that has this number now."""
        fields = _fields(pid)
        return cls(pid, boot_id(), fields[START_FIELD]) if fields else cls(pid)

    @classmethod
    def read(cls, text: str) -> "ProcessMark | None":
        """The process that a mark names; None when the text is no mark."""
        pid, _, rest = text.strip().partition(":")
        boot, _, start = rest.partition(":")
        return cls(int(pid), boot, start) if pid.isdigit() else None

    def __str__(self) -> str:
        return f"{self.pid}:{self.boot}:{self.start}"

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs, on this machine and since this boot."""
        if not process_exists(self.pid):
            return False
        now = ProcessMark.of(self.pid)
        return not (self.start and now.start) or (self.boot, self.start) == (now.boot, now.start)


def interrupt_on_signals() -> None:
    """Take what asks the process to end (SIGTERM; SIGUSR1, Slurm's warning before a limit) as Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.default_int_handler)


def this_process() -> ProcessMark:
    """The process that asks."""
    return ProcessMark.of(os.getpid())


def send_signal(pid: int, number: int) -> bool:
    """Send a process a signal; whether it was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def process_exists(pid: int) -> bool:
    """Whether a process of this number runs on this machine, whoever owns it; one that only waits to be
    collected by its parent does not run.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    fields = _fields(pid)
    return not fields or fields[STATE_FIELD] not in {"Z", "X"}


@cache
def boot_id() -> str:
    """What tells this boot of the machine from others; empty where the system does not tell."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""


def _fields(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` behind the command's name, which may hold spaces; empty without."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
