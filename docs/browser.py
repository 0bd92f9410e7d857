"""Photographs of pages by headless Chromium, and servers that answer while they are taken."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from lamp_core.errors import LampError

REPOSITORY = Path(__file__).parent.parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars")
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SECONDS_TO_START = 180
LOCALHOST = "127.0.0.1"


def chromium() -> str | None:
    """The browser's program; None where there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def photograph(url: str, picture: Path, size: tuple[int, int], seconds: float) -> None:
    """Write what a page shows after some seconds of its own time; LampError without Chromium."""
    program = chromium()
    if program is None:
        raise LampError("no Chromium on the path: apt-get install chromium")
    with TemporaryDirectory() as profile:
        subprocess.run(
            [
                program,
                *FLAGS,
                *SOFTWARE_WEBGL,
                f"--user-data-dir={profile}",
                f"--window-size={size[0]},{size[1]}",
                f"--virtual-time-budget={round(1000 * seconds)}",
                f"--screenshot={picture}",
                url,
            ],
            check=True,
            capture_output=True,
            timeout=600,
        )


@contextmanager
def served(
    command: Callable[[int], list[str]], folder: Path, variables: Mapping[str, str], path: str
) -> Iterator[str]:
    """Start a server in a folder on a free port; its address once it answers at a path."""
    with socket.create_server((LOCALHOST, 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    with TemporaryDirectory() as logs, (Path(logs) / "log").open("w+") as log:
        server = subprocess.Popen(
            command(port), cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(f"http://{LOCALHOST}:{port}{path}", server)
            yield f"http://{LOCALHOST}:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def _wait(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(address, timeout=30):
                return
        except OSError:  # not yet
            time.sleep(0.5)
    raise LampError(f"{address} does not answer")
