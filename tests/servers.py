"""Real servers on 127.0.0.1 that tests start and kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tasks.system.servers import answers

SECONDS_TO_START = 180.0


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class MlflowServer:
    """MLflow's server on the same port and store, whenever it is started.

    Args:
        folder: of its artifacts and log.
        store: its SQLite file.
        port: where it listens.
    """

    folder: Path
    store: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        stores = ["--backend-store-uri", f"sqlite:///{self.store}"]
        stores += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options, *stores],
                cwd=self.folder,
                env={name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + SECONDS_TO_START
        while not answers(self.address, 1.0):
            assert self.process.poll() is None and time.monotonic() < until
            time.sleep(0.2)

    def kill(self) -> None:
        """End it and its workers at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
