"""``lamp ui``: the pages of MLflow and Prefect on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Annotated

import typer

from flows.prefect_home import prefect_settings, write_logging_file
from lamp_core.errors import LampError
from tasks.project import Project, find_project
from tasks.tracking import keep_quiet, tracking_uri

HOST = "127.0.0.1"
SECONDS_TO_END = 10


def ui(
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow page.")] = 5000,
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect page.")] = 4200,
) -> None:
    """Open the MLflow and Prefect pages of this project on localhost, until Ctrl-C."""
    project = find_project()
    for name, port in (("mlflow", mlflow_port), ("prefect", prefect_port)):
        _require_free(name, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    servers = {
        "MLflow": _start_mlflow(project, mlflow_port),
        "Prefect": _start_prefect(project, prefect_port),
    }
    try:
        _wait_until_open({"MLflow": mlflow_port, "Prefect": prefect_port}, servers, project)
        typer.echo("Ctrl-C ends both")
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        ended = next(name for name, server in servers.items() if server.poll() is not None)
        raise LampError(f"{ended} ended by itself; see {project.log_file(ended.lower() + '-ui')}")
    except KeyboardInterrupt:
        typer.echo("ended")
    finally:
        _stop(list(servers.values()))


def _start_mlflow(project: Project, port: int) -> "subprocess.Popen[bytes]":
    keep_quiet()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", tracking_uri(project), "--host", HOST, "--port", str(port)),
    ]
    return _start(project, "mlflow-ui", command, {})


def _start_prefect(project: Project, port: int) -> "subprocess.Popen[bytes]":
    write_logging_file(project)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    api = {"PREFECT_API_URL": f"http://{HOST}:{port}/api"}
    return _start(project, "prefect-ui", command, {**prefect_settings(project), **api})


def _start(
    project: Project, name: str, command: list[str], settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a server in a process group of its own, so that it and its workers can be ended together."""
    log = project.log_file(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        return subprocess.Popen(
            command,
            cwd=project.root,
            env={**settings, **os.environ},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _wait_until_open(
    ports: dict[str, int], servers: dict[str, "subprocess.Popen[bytes]"], project: Project
) -> None:
    """Print each address when its page answers."""
    waiting = dict(ports)
    while waiting:
        for name, port in list(waiting.items()):
            if servers[name].poll() is not None:
                raise LampError(f"{name} does not start; see {project.log_file(name.lower() + '-ui')}")
            if not _is_free(port):
                typer.echo(f"{name}: http://{HOST}:{port}")
                del waiting[name]
        time.sleep(0.2)


def _require_free(name: str, port: int) -> None:
    if not _is_free(port):
        raise LampError(f"port {port} is taken; choose another with --{name}-port")


def _is_free(port: int) -> bool:
    """Whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) != 0


def _stop(servers: list["subprocess.Popen[bytes]"]) -> None:
    for server in servers:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
    for server in servers:
        try:
            server.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
