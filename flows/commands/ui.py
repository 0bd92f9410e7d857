"""``lamp ui``: the pages of MLflow and Prefect on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Annotated

import typer

from flows.pipeline.cleanup import close_flow_runs
from flows.pipeline.prefect_server import note_pages, prefect_settings, write_logging_file
from lamp_core.errors import LampError
from tasks.mlflow.store import keep_quiet, server_command, server_page, tracking_uri
from tasks.project import Project, find_project
from tasks.system.orphans import lifeline_environment
from tasks.system.waiting import SECONDS_BETWEEN_LOOKS, wait_until

LOCALHOST = "127.0.0.1"
THIS_MACHINE = {LOCALHOST, "localhost", "::1"}
EVERY_ADDRESS = {"0.0.0.0", "::"}
SECONDS_TO_END = 10
LAST_PORT = 65535
WARNING = (
    "warning: whoever reaches {host} can read and change every run: neither page asks for a password; "
    "docs/tracking.md says what to put before them"
)


def ui(
    mlflow_port: Annotated[int, typer.Option(min=1, max=LAST_PORT, help="Port of the MLflow page.")] = 5000,
    prefect_port: Annotated[int, typer.Option(min=1, max=LAST_PORT, help="Port of the Prefect page.")] = 4200,
    host: Annotated[
        str, typer.Option(help="Address to bind to; other machines reach the pages of any but this one.")
    ] = LOCALHOST,
) -> None:
    """Open the MLflow and Prefect pages of this project on localhost, until Ctrl-C."""
    project = find_project()
    ports = {"MLflow": mlflow_port, "Prefect": prefect_port}
    if (page := server_page(project)) is not None:
        del ports["MLflow"]
        typer.echo(f"MLflow: {page}")
    for name, port in ports.items():
        _require_free(name, host, port)
    if host not in THIS_MACHINE:
        typer.echo(WARNING.format(host=host), err=True)
    _end_with_the_terminal()
    start = {"MLflow": _start_mlflow, "Prefect": _start_prefect}
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, port in ports.items():
            servers[name] = start[name](project, host, port)
        _wait_until_open(host, ports, servers, project)
        open_ports = {name: f"http://{_reached_at(host)}:{port}" for name, port in ports.items()}
        note_pages(project, {**open_ports, "Prefect": _prefect_api(host, prefect_port)})
        os.environ.setdefault("PREFECT_API_URL", _prefect_api(host, prefect_port))
        close_flow_runs(project)
        typer.echo(f"Ctrl-C ends {'both' if len(servers) > 1 else 'it'}")
        wait_until(lambda: any(server.poll() is not None for server in servers.values()))
        ended = next(name for name, server in servers.items() if server.poll() is not None)
        raise LampError(f"{ended} ended by itself; see {project.log_file(ended.lower() + '-ui')}")
    except KeyboardInterrupt:
        typer.echo("ended")
    finally:
        _stop(list(servers.values()))


def _end_with_the_terminal() -> None:
    """Let a closed terminal and a plain `kill` end the servers as Ctrl-C does; under `nohup` they stay."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _start_mlflow(project: Project, host: str, port: int) -> "subprocess.Popen[bytes]":
    """Start MLflow's server. The store's address may hold a password: it is no argument that `ps` shows."""
    keep_quiet()
    return _start(
        project, "mlflow-ui", server_command(host, port), {"MLFLOW_BACKEND_STORE_URI": tracking_uri(project)}
    )


def _prefect_api(host: str, port: int) -> str:
    return f"http://{_reached_at(host)}:{port}/api"


def _start_prefect(project: Project, host: str, port: int) -> "subprocess.Popen[bytes]":
    write_logging_file(project)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    api = {"PREFECT_API_URL": _prefect_api(host, port)}
    return _start(project, "prefect-ui", command, {**prefect_settings(project), **api})


def _start(
    project: Project, name: str, command: list[str], settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a server in a process group of its own, so that it and its workers can be ended together.

    Args:
        command: ``python -m MODULE ...``; it ends with this process too, should that be killed.
    """
    log = project.log_file(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "tasks.system.orphans", *command[2:]],
            cwd=project.root,
            env={**settings, **os.environ, **lifeline_environment(whole_group=True)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _wait_until_open(
    host: str, ports: dict[str, int], servers: dict[str, "subprocess.Popen[bytes]"], project: Project
) -> None:
    """Print each address when its page answers."""
    waiting = dict(ports)
    while waiting:
        for name, port in list(waiting.items()):
            if servers[name].poll() is not None:
                raise LampError(f"{name} does not start; see {project.log_file(name.lower() + '-ui')}")
            if not _is_free(host, port):
                typer.echo(f"{name}: http://{_reached_at(host)}:{port}")
                del waiting[name]
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _require_free(name: str, host: str, port: int) -> None:
    if not _is_free(host, port):
        raise LampError(f"port {port} is taken; choose another with --{name.lower()}-port")


def _is_free(host: str, port: int) -> bool:
    """Whether nothing listens on a port of an address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1.0)
        try:
            return probe.connect_ex((_reached_at(host).strip("[]"), port)) != 0
        except socket.gaierror as error:
            raise LampError(f"--host {host} is no address of this machine: {error.strerror}") from error


def _reached_at(host: str) -> str:
    """The address by which this machine reaches a server that is bound to ``host``, as in a URL."""
    if host in EVERY_ADDRESS:
        return LOCALHOST if host == "0.0.0.0" else "[::1]"
    return f"[{host}]" if ":" in host else host


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
