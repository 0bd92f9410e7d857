"""Whether a server answers, and that local ones are reached past a proxy."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flows.pipeline.prefect_server import DATABASE, prefect_settings
from lamp_core.errors import LampError
from tasks.mlflow.store import tracking_uri
from tasks.project import Project
from tasks.system.servers import answers, reach_local_servers, require_answer, shown


class Says(BaseHTTPRequestHandler):
    """Answers with the status that the path begins with."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(("status", "is_up"), [(200, True), (401, True), (404, True), (502, False)])
def test_any_answer_counts_but_a_gateway_s(
    status: int, is_up: bool, server: str, without_proxies: None
) -> None:
    assert answers(f"http://ann:hunter22@{server}/{status}") is is_up


def test_a_local_server_is_reached_past_a_proxy(
    server: str, without_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.org")
    assert answers(f"http://{server}/200")
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    reach_local_servers()
    assert os.environ["NO_PROXY"].count("localhost") == 1


def test_silence_is_no_answer(without_proxies: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port, began = silent.getsockname()[1], time.monotonic()
        assert not answers(f"http://127.0.0.1:{port}", 0.3)
        assert time.monotonic() - began < 5
        assert answers(f"ssh://127.0.0.1:{port}/store")
    assert not answers(f"http://127.0.0.1:{port}")
    assert not answers("ssh://127.0.0.1:1/store")
    with pytest.raises(LampError, match=rf"Prefect at http://127.0.0.1:{port}/api does not answer; start it"):
        require_answer("Prefect", f"http://ann:hunter22@127.0.0.1:{port}/api", "start it")


def test_what_is_no_server_is_not_asked() -> None:
    assert answers("/srv/store")
    assert answers("sqlite:////srv/mlflow.db")
    assert answers("s3://bucket/folder")
    assert shown("https://ann:hunter22@host:5000/?key=1") == "https://host:5000"


@pytest.mark.parametrize(
    "name", ["a b", "a%41", "a%2Fb", "a#hash", "what?", "a?b=c&d", "a'b", 'a"b', "Übung"]
)
def test_a_database_in_a_file_is_found_whatever_its_folders_are_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLFLOW_TRACKING_URI", "PREFECT_HOME", DATABASE):
        monkeypatch.delenv(variable, raising=False)
    project = Project(tmp_path / name)
    home = project.state / "prefect"
    home.mkdir(parents=True)
    assert file_of(tracking_uri(project)) == str(project.root / "mlflow.db")
    stated = prefect_settings(project).get(DATABASE, f"sqlite+aiosqlite:///{home}/prefect.db")
    assert file_of(stated) == str(home / "prefect.db")


def file_of(address: str) -> str:
    """The file that SQLite opens at an address of SQLAlchemy."""
    engine = create_engine(address.replace("+aiosqlite", ""))
    with engine.connect() as connection:
        (database,) = connection.execute(text("PRAGMA database_list"))
    engine.dispose()
    return str(database.file)


def test_a_database_that_the_user_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://a@b/c")
    assert DATABASE not in prefect_settings(Project(tmp_path / "a%41"))
