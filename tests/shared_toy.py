"""The toy project as workers need it: committed, with a DVC remote, and servers that nobody asks."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.toy import Toy

HASH = "0123456789abcdef0123456789abcdef"


class Refuses(BaseHTTPRequestHandler):
    """Looks like a server to who only asks whether there is one."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


LISTENER = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
threading.Thread(target=LISTENER.serve_forever, daemon=True).start()
COMMIT = ("-c", "user.name=toy", "-c", "user.email=toy@localhost", "commit", "--quiet", "--message", "toy")


def git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def share(toy: Toy, store: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Give the toy project a DVC remote in a folder, and commit it."""
    config = toy.project.root / ".dvc" / "config"
    text = config.read_text().replace("[core]\n", "[core]\n    remote = storage\n")
    config.write_text(f"{text}['remote \"storage\"']\n    url = {store}\n")
    git(toy.project.root, "add", "--all")
    git(toy.project.root, *COMMIT)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{LISTENER.server_port}/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{toy.project.root / 'mlflow.db'}")
    monkeypatch.setenv("LAMP_PULL", "1")
    return toy


def lock_entry(path: str, md5: str) -> dict[str, Any]:
    """An entry in `dvc.lock` with one output."""
    return {"cmd": "python toy.py", "outs": [{"path": path, "md5": md5}]}
