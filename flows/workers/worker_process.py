"""The process of a worker: Prefect's own, with the wish to end passed on to the stages that it runs."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from tasks.system.orphans import lifeline_environment
from tasks.system.processes import ProcessMark, send_signal
from tasks.system.waiting import SECONDS_BETWEEN_LOOKS

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
    wishes: set[int] = set()

    def note(number: int, frame: FrameType | None) -> None:
        wishes.add(number)

    # Before the worker starts: the shell of a batch script ignores SIGINT for what it runs in the background,
    # and what is ignored here would be ignored there.
    for number in (*HAND_BACK, signal.SIGINT):
        signal.signal(number, note)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tasks.system.orphans", *command],
        cwd=folder,
        env={**environment, **lifeline_environment()},
        start_new_session=True,  # a terminal's Ctrl-C comes here alone, and is passed on once
    )
    runs: set[ProcessMark] = set()
    ended: set[ProcessMark] = set()
    is_told = False
    while worker.poll() is None or any(run.is_alive for run in runs):
        if wishes:
            runs |= _runs_of(worker.pid)
        if wishes.intersection(HAND_BACK):
            for run in runs - ended:
                send_signal(run.pid, signal.SIGTERM)
            ended |= runs
        if wishes and not is_told:
            is_told = True
            worker.send_signal(signal.SIGINT)  # Prefect's worker takes nothing more then
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return worker.returncode


def _runs_of(worker: int) -> set[ProcessMark]:
    """The processes of a worker's flow runs; they may outlive it, and are waited for."""
    with suppress(psutil.NoSuchProcess):
        return {ProcessMark.of(run.pid) for run in psutil.Process(worker).children()}
    return set()
