"""A real MLflow server, and a gate before it: closed, the server is away; opened, it is back at once."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.mlflow.store import server_command
from tasks.system.servers import answers

LOCALHOST = "127.0.0.1"
SECONDS_TO_START = 240.0


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server((LOCALHOST, 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path, store: Path) -> Iterator[int]:
    """MLflow's server on a SQLite file, its artifacts and log in a folder; gives its port."""
    port = free_port()
    options = ["--backend-store-uri", f"sqlite:///{store}"]
    options += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*server_command(LOCALHOST, port), *options],
            cwd=folder,
            env={**os.environ, "MLFLOW_TRACKING_URI": "", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + SECONDS_TO_START
        while not answers(f"http://{LOCALHOST}:{port}", 2.0):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Gate:
    """An address of its own through which a server is reached, or is not; it begins closed.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._server, self._port = port, free_port()
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []

    @property
    def address(self) -> str:
        return f"http://{LOCALHOST}:{self._port}"

    def open(self) -> None:
        """Let connections through from now on."""
        self._listener = socket.create_server((LOCALHOST, self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on, and break those that there are."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections = []

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                asks, _ = listener.accept()
                server = socket.create_connection((LOCALHOST, self._server))
                self._connections += [asks, server]
                for source, target in ((asks, server), (server, asks)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
