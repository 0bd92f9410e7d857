"""Real servers and clones for tests of several machines: PostgreSQL, Prefect with a password, MLflow."""

import base64
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.mlflow.store import server_command
from tasks.system.processes import process_exists
from tests.servers import LOCALHOST, Gate, free_port
from tests.workspace import copy_project

POSTGRES = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "lamp:a-password"
SECONDS = 600.0
COMMIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "all")


@dataclass
class Cluster:
    """Servers, a folder of clones by name, and what was started in them."""

    root: Path
    environment: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str, command: list[str], folder: Path, **environment: str) -> None:
        """Start a process in a session of its own; what it prints goes to ``NAME.log``."""
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=folder,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def start_lamp(self, name: str, clone: str, *arguments: str, **environment: str) -> None:
        """Start a command in a clone, in the background."""
        self.start(name, [sys.executable, "-m", "flows.cli", *arguments], self.root / clone, **environment)

    def lamp(self, clone: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a clone to its end."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=self.root / clone,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def ends_well(self, clone: str, *arguments: str, **environment: str) -> str:
        """Run a command in a clone, which must end well; return what it prints."""
        ended = self.lamp(clone, *arguments, **environment)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def worker(self, name: str, **environment: str) -> None:
        """Start a worker in the clone of its name; checkpoints lie in a folder that all workers see."""
        checkpoints = {"LAMP_CHECKPOINTS": str(self.root / "checkpoints"), **environment}
        self.start_lamp(name, name, "worker", "start", "--pool", "cpu", "--name", name, **checkpoints)

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, as a machine that loses its power does."""
        process = self.processes.pop(name)
        for pid in descendants(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """Kill all that was started."""
        for name in list(self.processes):
            self.kill(name)

    def ask(self, path: str, **filters: Any) -> Any:
        """An answer of Prefect's server."""
        credentials = base64.b64encode(PASSWORD.encode()).decode()
        asked = urllib.request.Request(
            f"{self.environment['PREFECT_API_URL']}/{path}",
            data=json.dumps(filters).encode() if filters else None,
            headers={"Content-Type": "application/json", "Authorization": f"Basic {credentials}"},
        )
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer) if answer.status != 204 else None

    def flow_runs(self, flow: str, **filters: Any) -> list[dict[str, Any]]:
        """Flow runs of a flow whose parameters name the commit of these clones, or that were started here."""
        found: list[dict[str, Any]] = self.ask(
            "flow_runs/filter", sort="START_TIME_ASC", flows={"name": {"any_": [flow]}}, **filters
        )
        commit = self.git("source", "rev-parse", "HEAD")
        return [run for run in found if run["parameters"].get("commit", "") in {"", commit}]

    def git(self, clone: str, *arguments: str) -> str:
        command = ["git", *arguments]
        ended = subprocess.run(
            command, cwd=self.root / clone, check=True, capture_output=True, text=True, env=self.environment
        )
        return ended.stdout.strip()


@dataclass
class Servers:
    """Real servers, each behind a gate, and the environment of those who use them."""

    environment: dict[str, str]
    prefect: Gate
    mlflow: Gate

    @contextmanager
    def away(self) -> Iterator[None]:
        """Both out of reach while the block runs."""
        self.prefect.close()
        self.mlflow.close()
        yield
        self.prefect.open()
        self.mlflow.open()


@contextmanager
def servers(root: Path) -> Iterator[Servers]:
    """PostgreSQL, Prefect's server with a password, MLflow's server."""
    ports = {"prefect": free_port(), "mlflow": free_port()}
    gates = {name: Gate(port) for name, port in ports.items()}
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"{gates['prefect'].address}/api",
        "PREFECT_API_AUTH_STRING": PASSWORD,
        "MLFLOW_TRACKING_URI": gates["mlflow"].address,
        "LAMP_WORKER_PATIENCE": "20",
        "LAMP_THREADS": "1",
        "LAMP_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    for name in ("PREFECT_HOME", "PREFECT_PROFILES_PATH"):
        environment.pop(name, None)
    started = Cluster(root, environment)
    with Postgres() as database:
        try:
            _start(started, ports, database)
            until(lambda: all(map(is_up, ports.values())), "the servers do not start")
            for gate in gates.values():
                gate.open()
            yield Servers(environment, **gates)
        finally:
            started.end()
            for gate in gates.values():
                gate.close()


def _start(started: Cluster, ports: Mapping[str, int], database: str) -> None:
    root = started.root
    prefect = ["prefect", "server", "start", "--host", LOCALHOST, "--port", str(ports["prefect"])]
    settings = {
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
        "PREFECT_HOME": str(root / "prefect"),
    }
    started.start("prefect", [sys.executable, "-m", *prefect], root, **settings)
    mlflow = server_command(LOCALHOST, ports["mlflow"])
    mlflow += [
        "--backend-store-uri",
        f"sqlite:///{root}/mlflow.db",
        "--artifacts-destination",
        str(root / "files"),
    ]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    started.start("mlflow", mlflow, root, **settings)


@contextmanager
def cluster(root: Path, environment: Mapping[str, str], clones: tuple[str, ...]) -> Iterator[Cluster]:
    """Clones of the repository ``source`` in ``root``, and the deployments; all that was started ends."""
    for clone in clones:
        subprocess.run(["git", "clone", "--quiet", str(root / "source"), str(root / clone)], check=True)
    made = Cluster(root, environment)
    try:
        made.ends_well(clones[0], "worker", "deploy")
        yield made
    finally:
        made.end()


def make_source(root: Path, url: str) -> Path:
    """The project as a repository with a DVC remote, not committed yet."""
    source = root / "source"
    source.mkdir()
    copy_project(source)
    shutil.copy(Path(__file__).parent.parent / "params.yaml", source)
    subprocess.run(["git", "init", "--quiet"], cwd=source, check=True)
    add_remote(source, url)
    return source


def add_remote(project: Path, url: str, *settings: str) -> None:
    """Name DVC's default remote, with ``KEY=VALUE`` of it."""
    dvc = [sys.executable, "-m", "dvc", "remote"]
    told = [[*dvc, "add", "--force", "--default", "storage", url]]
    told += [[*dvc, "modify", "storage", *setting.split("=", 1)] for setting in settings]
    for command in told:
        subprocess.run(command, cwd=project, check=True, capture_output=True)


def commit(source: Path) -> None:
    """Commit all files of the repository."""
    for command in (("git", "add", "--all"), COMMIT):
        subprocess.run(command, cwd=source, check=True, capture_output=True)


class Postgres:
    """A PostgreSQL server in a folder of its own, with a database `prefect`; its user must not be root.

    The folder is none of pytest's: those are closed to other users by every session that begins.
    """

    def __init__(self) -> None:
        self._root, self._port = Path(tempfile.mkdtemp(prefix="lamp-postgres-")), free_port()

    def __enter__(self) -> str:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._root, user.pw_uid, user.pw_gid)
        self._run("initdb", "--pgdata=data", "--auth=trust", "--username=prefect")
        listen = f"-c listen_addresses={LOCALHOST} -c port={self._port} -c jit=off "
        listen += f"-c unix_socket_directories={self._root}"
        self._run("pg_ctl", "--pgdata=data", "--log=log", "--wait", f"--options={listen}", "start")
        self._run("createdb", f"--host={LOCALHOST}", f"--port={self._port}", "--username=prefect", "prefect")
        return f"postgresql+asyncpg://prefect@{LOCALHOST}:{self._port}/prefect"

    def __exit__(self, *ended: object) -> None:
        self._run("pg_ctl", "--pgdata=data", "--mode=fast", "stop")
        shutil.rmtree(self._root)

    def _run(self, program: str, *arguments: str) -> None:
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [str(POSTGRES / program), *arguments],
            cwd=self._root,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **user,  # type: ignore[call-overload]
        )


def descendants(pid: int) -> list[int]:
    """A process and all that it started, whatever their sessions."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def trains(made: Cluster, *clones: str) -> bool:
    """Whether a worker has done a step of the toy's stage that trains."""
    for clone in clones:
        for path in (made.root / clone).glob(".lamp/worker/*/.lamp/progress/features.json"):
            with suppress(OSError, ValueError):
                progress = json.loads(path.read_text())
                if progress["state"] == "running" and progress["done"] >= 1:
                    return process_exists(progress["pid"])
    return False


def is_up(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOCALHOST, port)) == 0


def until(found: Callable[[], Any], otherwise: str, seconds: float = SECONDS) -> Any:
    """Wait for something to be found."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError(otherwise)
