"""``lamp doctor``: what works on this machine and what does not, with the remedy for each."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from tasks.system.exit_status import FAILED
from tasks.system.redaction import masked

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
COLOURS = {"ok": None, "warn": "yellow", "fail": "red"}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list, for a report of a fault.")
    ] = False,
) -> None:
    """Look at interpreter, packages, machine, git, servers and what is optional; say what to do."""
    from tasks.system.doctor import examine

    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            line = f"{MARKS[finding.state]}  {finding.name}: {finding.found}{remedy}"
            typer.secho(masked(line), fg=COLOURS[finding.state])
    if as_json:
        typer.echo(masked(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False)))
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(FAILED)
