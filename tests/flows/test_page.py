"""``lamp page``: where it listens, how it ends, what runs."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from flows.commands.page import Runs
from tests.flows.commands import run
from tests.toy import Toy
from tests.workspace import REPOSITORY


def test_a_port_that_is_taken_and_a_run_without_a_folder_are_said(toy: Toy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = run("page", "--no-open", "--port", port)
    assert status == 2 and f"port {port} cannot be used" in said and "--port" in said
    for given in ("older", "older=none", "=."):
        status, said = run("page", "--no-open", "--with", given)
        assert status == 2 and "NAME=FOLDER" in said


def test_it_serves_this_machine_and_ends_at_a_signal(toy: Toy, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "page", "--no-open", "--port", "0"]
    with subprocess.Popen(
        command, cwd=toy.project.root, env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as page:
        assert page.stdout is not None
        try:
            address = page.stdout.readline().removeprefix("page: ").strip()
            with urlopen(f"{address}/api/page", timeout=120) as answer:
                state = json.load(answer)
        finally:
            page.send_signal(signal.SIGTERM)
        rest = page.stdout.read()
        assert page.wait(120) == 0
    assert address.startswith("http://127.0.0.1:")
    assert "lamp run --until t2m" in state["panels"][0]["missing"]
    assert rest.endswith("ended\n")
    assert [path.name for path in tmp_path.glob("lamp-page-*")] == []


def test_stages_and_their_state_are_those_of_lamp_status(toy: Toy) -> None:
    told = Runs(toy.project).told()
    assert [stage["name"] for stage in told["stages"]] == list(toy.graph)
    assert {stage["state"] for stage in told["stages"]} <= {"missing", "stale", "fresh"}
    assert told["runs"] == []
    assert all(link["url"] is None and "lamp ui" in link["hint"] for link in told["links"])


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)}
