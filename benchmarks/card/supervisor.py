"""The checks one after the other in a process of their own; a check that fails never ends the others.

An error may leave a card unusable for the process that met it, and a check may hang or die. So a process ends
with its first failure, and the next one begins behind it.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic

import torch

from benchmarks.card.check import Check, Form, Verdict, judge
from tasks.system import resources

SECONDS_TO_END = 10.0
"""Of a process that has closed its pipe."""

Checks = Callable[[Form], Sequence[Check]]
"""A function of a module, which another process can call as well."""


@dataclass(frozen=True)
class Limits:
    """How long the checks may take.

    Args:
        all_seconds: all of them; what has not begun by then is skipped.
        check_seconds: one of them; it has failed then.
    """

    all_seconds: float
    check_seconds: float


def verdicts(checks: Checks, form: Form, log: Path, limits: Limits) -> Iterator[Verdict]:
    """Yield the verdict of each check as it ends.

    Args:
        checks: to make.
        form: how.
        log: file that gets what the checks print, and the traces of errors.
        limits: of time.
    """
    left = {check.name: check for check in checks(form)}
    ends = monotonic() + limits.all_seconds
    while left:
        if monotonic() >= ends:
            for name in left:
                yield Verdict(name, "skipped", f"the {limits.all_seconds:.0f} s for all checks were over")
            return
        for verdict in _of_one_process(checks, form, log, list(left), ends, limits.check_seconds):
            del left[verdict.check]
            yield verdict


def _of_one_process(
    checks: Checks, form: Form, log: Path, names: list[str], ends: float, check_seconds: float
) -> Iterator[Verdict]:
    """Yield verdicts until a check has failed, or all are made."""
    context = get_context("spawn")  # a forked process cannot use a card
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sending, checks, form, log, names))
    process.start()
    sending.close()
    try:
        for name in names:
            began = monotonic()
            seconds = max(0.0, min(check_seconds, ends - began))
            try:
                verdict = receiving.recv() if receiving.poll(seconds) else None
            except EOFError:
                process.join(SECONDS_TO_END)
                said = f"its process ended {_how(process.exitcode)}"
                verdict = Verdict(name, "failed", said, monotonic() - began)
            if verdict is None:
                yield _silent(name, seconds, check_seconds)
                return
            yield verdict
            if verdict.state == "failed" or monotonic() >= ends:
                break
        wait([process.sentinel], SECONDS_TO_END)
    finally:
        _end(process.pid)
        process.join()
        receiving.close()


def _silent(name: str, seconds: float, check_seconds: float) -> Verdict:
    """The verdict of a check that was not done in its time, or in what was left for all of them."""
    if seconds < check_seconds:
        return Verdict(
            name, "skipped", f"the time for all checks was over after {seconds:.0f} s of it", seconds
        )
    return Verdict(name, "failed", f"took longer than {seconds:.0f} s", seconds)


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"by signal {signal.Signals(-status).name}"
    return f"with status {status}"


def _end(pid: int | None) -> None:
    """End a process with all that it has started."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            if pid is not None:
                kill(pid, signal.SIGKILL)


def _work(sending: Connection, checks: Checks, form: Form, log: Path, names: list[str]) -> None:
    """Make checks and send their verdicts; end with the first that fails."""
    os.setpgrp()
    with log.open("a") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    try:
        torch.set_num_threads(resources.threads())
        known = {check.name: check for check in checks(form)}
        for name in names:
            print(f"--- {name}", flush=True)
            verdict = judge(known[name], form)
            sending.send(verdict)
            if verdict.state == "failed":
                return
    except BaseException:
        traceback.print_exc()
        raise
