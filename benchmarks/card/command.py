"""Try on a card what runs on one: ``make gpu``, or ``python -m benchmarks.card``.

It prints a verdict a check, then a table, and writes JSON. ``--device cpu`` makes the same checks on the CPU
(``make gpu-dry``): it says which of them are dry, so that a check that a card fails is the card's.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from tempfile import TemporaryDirectory

from benchmarks.card.catalogue import all_checks
from benchmarks.card.check import Check, Form, Verdict
from benchmarks.card.supervisor import Checks, Limits, verdicts

RESULTS = Path(__file__).parents[1] / "card.json"
SECONDS, CHECK_SECONDS = 600.0, 180.0
TABLE_WIDTH = 110
NO_CARD = "no CUDA card is here; `make gpu-dry` makes the same checks on the CPU"
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",  # nothing is fetched; what is not here is said
    "TRANSFORMERS_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # repeatable from the first product on
}


def main(arguments: Sequence[str] | None = None, checks: Checks = all_checks) -> int:
    """Make the checks; return 0, 1 where one failed, or 2 without a card."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.card", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: the dry form")
    parser.add_argument("--only", default="", help="checks whose name has this in it")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all checks")
    parser.add_argument("--check-seconds", type=float, default=CHECK_SECONDS, help="for one check")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file of the verdicts")
    chosen = parser.parse_args(arguments)
    if chosen.device == "cuda" and not _has_card():
        print(NO_CARD)
        return 2
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    log = chosen.json.with_suffix(".log")
    log.unlink(missing_ok=True)
    found: list[Verdict] = []
    with TemporaryDirectory(prefix="lamp-card-") as folder:
        form = Form(chosen.device, Path(folder))
        limits = Limits(chosen.seconds, chosen.check_seconds)
        for verdict in verdicts(partial(_chosen, checks, chosen.only), form, log, limits):
            print(verdict.line, flush=True)
            found.append(verdict)
    return _summed_up(found, chosen.device, chosen.json, log)


def _has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def _chosen(checks: Checks, only: str, form: Form) -> list[Check]:
    return [check for check in checks(form) if only in check.name]


def _summed_up(found: Sequence[Verdict], device: str, file: Path, log: Path) -> int:
    """Write the verdicts, show the table of what was measured, and return the exit status."""
    from tasks.system.machine import commit_label, machine_label

    os.environ["LAMP_DEVICE"] = device  # the label is to name the device of the checks
    counts = {state: sum(each.state == state for each in found) for state in ("passed", "failed", "skipped")}
    content = {
        "machine": machine_label(),
        "commit": commit_label(),
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": device,
        **counts,
        "checks": [asdict(each) for each in found],
    }
    file.write_text(json.dumps(content, indent=2) + "\n")
    _show(found, f"{content['machine']}, commit {content['commit']}")
    dry = sum(bool(each.dry) and each.state == "passed" for each in found)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    print(f"{told}{f'; {dry} of the passed were dry' if dry else ''}; {file}, what was printed: {log}")
    return 1 if counts["failed"] else 0


def _show(found: Sequence[Verdict], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for column in ("check", "verdict"):
        table.add_column(column, no_wrap=True)
    for column in ("seconds", "steps/s", "times the limit", "peak GiB", "difference"):
        table.add_column(column, justify="right", no_wrap=True)
    shown = ("steps_per_second", "times_the_limit", "peak_gib")
    for each in found:
        numbers = [*(each.numbers.get(name) for name in shown), _difference(each)]
        cells = ["" if number is None else f"{number:.2g}" for number in numbers]
        table.add_row(each.check, each.state, f"{each.seconds:.1f}", *cells)
    Console(width=max(TABLE_WIDTH, get_terminal_size().columns)).print(table)


def _difference(verdict: Verdict) -> float | None:
    """The largest difference that a check found."""
    found = [number for name, number in verdict.numbers.items() if "difference" in name]
    return max(found, default=None)
