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
from enum import Enum
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic

import torch

from benchmarks.card.check import Check, Form, Verdict, judge
from tasks.system import resources

SECONDS_TO_BEGIN, SECONDS_TO_END = 120.0, 10.0
"""Of a process: until it has imported what it needs, and behind its last word."""

Checks = Callable[[Form], Sequence[Check]]
"""A function of a module, which another process can call as well."""


class Sign(Enum):
    """What a process says that is no verdict, or does not say."""

    BEGUN = "it has begun"
    SILENT = "it says nothing"
    GONE = "it is gone"


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
        said = _received(receiving, SECONDS_TO_BEGIN)
        for name in names if said is Sign.BEGUN else names[:1]:
            seconds = max(0.0, min(check_seconds, ends - monotonic()))
            if said is not Sign.GONE:
                said = _received(receiving, seconds)
            if said is Sign.SILENT:
                yield _silent(name, seconds, check_seconds)
                return
            verdict = said if isinstance(said, Verdict) else _gone(name, process)
            yield verdict
            if verdict.state == "failed" or monotonic() >= ends:
                break
        wait([process.sentinel], SECONDS_TO_END)
    finally:
        _end(process)
        process.join()
        receiving.close()


def _received(receiving: Connection, seconds: float) -> "Verdict | Sign":
    """What the process says next, or the sign that it says nothing in that time, or is gone."""
    try:
        said: Verdict | Sign = receiving.recv() if receiving.poll(seconds) else Sign.SILENT
    except EOFError:
        return Sign.GONE
    return said


def _silent(name: str, seconds: float, check_seconds: float) -> Verdict:
    """The verdict of a check that was not done in its time, or in what was left for all of them."""
    if seconds < check_seconds:
        return Verdict(name, "skipped", f"the time for all checks was over after {seconds:.0f} s", seconds)
    return Verdict(name, "failed", f"took longer than {seconds:.0f} s", seconds)


def _gone(name: str, process: BaseProcess) -> Verdict:
    """The verdict of a check that took its process with it."""
    process.join(SECONDS_TO_END)
    status = process.exitcode
    how = (
        f"by {signal.Signals(-status).name}" if status is not None and status < 0 else f"with status {status}"
    )
    return Verdict(name, "failed", f"its process ended {how}")


def _end(process: BaseProcess) -> None:
    """End a process, if it has not ended, with all that it has started."""
    if process.pid is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()


def _work(sending: Connection, checks: Checks, form: Form, log: Path, names: list[str]) -> None:
    """Make checks and send their verdicts; end with the first that fails."""
    os.setpgrp()
    with log.open("a") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    try:
        torch.set_num_threads(resources.threads())
        known = {check.name: check for check in checks(form)}
        sending.send(Sign.BEGUN)
        for name in names:
            print(f"--- {name}", flush=True)
            verdict = judge(known[name], form)
            sending.send(verdict)
            if verdict.state == "failed":
                return
    except BaseException:
        traceback.print_exc()
        raise
