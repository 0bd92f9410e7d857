"""The process of a worker: Prefect's own, with the wish to end passed on to the stages that it runs."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from tasks.system.orphans import lifeline_environment

SECONDS_BETWEEN_LOOKS = 0.5
HAND_BACK = (signal.SIGTERM, signal.SIGUSR1)
"""SIGUSR1 is Slurm's warning before a limit, SIGTERM what follows it."""


def run_worker(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run Prefect's worker to its end; return its exit status.

    Told to end by SIGTERM or SIGUSR1, it takes no more stages, and those at work write a checkpoint; their
    flow runs are Crashed then, and who asked for them submits them again. By Ctrl-C, those at work end first.

    Args:
        command: module and arguments of Prefect's worker.
        folder: that it works in.
        environment: of it.
    """
    worker = subprocess.Popen(
        [sys.executable, "-m", "tasks.system.orphans", *command],
        cwd=folder,
        env={**environment, **lifeline_environment()},
        start_new_session=True,  # a terminal's Ctrl-C comes here alone, and is passed on once
    )
    wishes: set[int] = set()

    def note(number: int, frame: FrameType | None) -> None:
        wishes.add(number)

    for number in (*HAND_BACK, signal.SIGINT):
        signal.signal(number, note)
    told: set[int] = set()
    while worker.poll() is None:
        if wishes and worker.pid not in told:
            told.add(worker.pid)
            worker.send_signal(signal.SIGINT)  # Prefect's worker: takes nothing more, waits for what it runs
        if wishes.intersection(HAND_BACK):
            _tell(worker.pid, told)
        with suppress(subprocess.TimeoutExpired):
            worker.wait(SECONDS_BETWEEN_LOOKS)
    return worker.returncode


def _tell(worker: int, told: set[int]) -> None:
    """Tell each flow run of a worker, once, to end."""
    with suppress(psutil.NoSuchProcess):
        for run in psutil.Process(worker).children():
            if run.pid not in told:
                told.add(run.pid)
                run.send_signal(signal.SIGTERM)
