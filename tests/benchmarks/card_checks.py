"""Checks that end in every way that a check can, in no time."""

import os
import time
from pathlib import Path

from benchmarks.card.check import Check, Failed, Finding, Form, Skipped

LOSS = {"difference": 0.25}


def _passes(form: Form) -> Finding:
    (form.folder / "passed").write_text(str(os.getpid()))
    return Finding("all is well", LOSS)


def _fails(form: Form) -> Finding:
    raise Failed("the loss is 2, and 1 beside it")


def _breaks(form: Form) -> Finding:
    raise ValueError("a traceback\nof two lines")


def _skips(form: Form) -> Finding:
    raise Skipped("no extra is here")


def _dies(form: Form) -> Finding:
    os._exit(7)


def _hangs(form: Form) -> Finding:
    time.sleep(600)
    return Finding("never")


def _sees_another_process(form: Form) -> Finding:
    before = int((form.folder / "passed").read_text())
    return Finding("the same process" if before == os.getpid() else "another process")


def checks(form: Form) -> list[Check]:
    """One of each kind, and one behind them."""
    return [
        Check("passes", _passes, "on the CPU"),
        Check("still there", _sees_another_process, "on the CPU"),
        Check("skips", _skips, "on the CPU"),
        Check("fails", _fails, "on the CPU"),
        Check("breaks", _breaks, "on the CPU"),
        Check("dies", _dies, "on the CPU"),
        Check("hangs", _hangs, "on the CPU"),
        Check("comes last", _sees_another_process, "on the CPU"),
    ]


def good_checks(form: Form) -> list[Check]:
    """None of which fails."""
    return [Check("passes", _passes, "on the CPU"), Check("skips", _skips, "on the CPU")]


def is_gone(pid_file: Path) -> bool:
    """Whether the process that wrote its number there has ended."""
    return not Path(f"/proc/{pid_file.read_text()}").exists()
