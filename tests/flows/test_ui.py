"""Where the servers of `lamp ui` bind, what is said of it, what `ps` shows: a stand-in for each server."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flows.commands import ui as command
from flows.commands.ui import ui
from flows.pipeline.prefect_server import open_page
from lamp_core.errors import LampError
from tests.toy import REPOSITORY, Toy
from tests.waiting import wait_until

# Listens as it was told to for a moment, and ends.
SERVER = """\
import socket, sys, time
place = (sys.argv[sys.argv.index("--host") + 1], int(sys.argv[sys.argv.index("--port") + 1]))
with socket.create_server(place):
    time.sleep(1.5)
"""
# `lamp ui` with servers that stay; sys.argv are its two ports.
PAGES = """\
import signal, sys
from flows.commands import ui as command
signal.signal(signal.SIGHUP, signal.SIG_DFL)
real = command._start
def start(project, name, arguments, settings):
    return real(project, name, [sys.executable, "-m", "server", *arguments[3:]], {})
command._start = start
command.ui(mlflow_port=int(sys.argv[1]), prefect_port=int(sys.argv[2]))
"""
Started = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def started(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Commands and settings of the servers that would have been started."""
    (toy.project.root / "server.py").write_text(SERVER)
    commands: Started = []
    real = command._start

    def start(
        project: object, name: str, arguments: list[str], settings: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        commands.append((arguments, settings))
        return real(toy.project, name, [sys.executable, "-m", "server", *arguments[3:]], {})

    monkeypatch.setattr(command, "_start", start)
    yield commands


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def show(**options: str) -> None:
    """Run the command until the stand-ins end by themselves."""
    mlflow_port, prefect_port = free_ports()
    with pytest.raises(LampError, match="ended by itself"):
        ui(mlflow_port=mlflow_port, prefect_port=prefect_port, **options)


def test_servers_bind_to_this_machine_alone(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    show()
    assert [arguments[arguments.index("--host") + 1] for arguments, _ in started] == ["127.0.0.1"] * 2
    said = capsys.readouterr()
    assert "MLflow: http://127.0.0.1:" in said.out
    assert "Prefect: http://127.0.0.1:" in said.out
    assert "warning" not in said.err


def test_another_address_is_warned_of(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    show(host="0.0.0.0")
    assert [arguments[arguments.index("--host") + 1] for arguments, _ in started] == ["0.0.0.0"] * 2
    assert "warning: whoever reaches 0.0.0.0 can read and change every run" in capsys.readouterr().err


def test_the_password_of_a_store_is_no_argument(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://ann:hunter22@db/mlflow")
    show()
    assert not any("hunter22" in part for arguments, _ in started for part in arguments)
    assert started[0][1] == {"MLFLOW_BACKEND_STORE_URI": "postgresql://ann:hunter22@db/mlflow"}


def test_a_server_of_others_is_named_and_not_started(
    started: Started, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:p@ss@mlflow.example.org/")
    show()
    assert [arguments[2] for arguments, _ in started] == ["prefect"]
    assert capsys.readouterr().out.startswith("MLflow: https://mlflow.example.org\n")


def test_a_taken_port_and_an_unknown_address_are_named(started: Started, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LampError, match=f"port {port} is taken; choose another with --mlflow-port"):
            ui(mlflow_port=port, prefect_port=free_ports()[0])
    with pytest.raises(LampError, match="no address of this machine"):
        ui(host="no.such.host.invalid")
    assert started == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_the_servers_end_with_the_terminal(number: signal.Signals, toy: Toy) -> None:
    root, ports = toy.project.root, free_ports()
    (root / "server.py").write_text(SERVER.replace("1.5", "600"))
    environment = {**os.environ, "PYTHONPATH": f"{root}:{REPOSITORY}"}
    pages = subprocess.Popen([sys.executable, "-c", PAGES, *map(str, ports)], cwd=root, env=environment)
    wait_until(lambda: open_page(toy.project) is not None or pages.poll() is not None)
    assert all(map(is_open, ports))
    pages.send_signal(number)
    pages.wait(60)
    with suppress(AssertionError):  # said below, by what is left
        wait_until(lambda: not any(map(is_open, ports)), 30)
    assert [port for port in ports if is_open(port)] == []


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
