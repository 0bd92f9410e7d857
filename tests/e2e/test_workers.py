"""Stages on two workers with real servers: PostgreSQL, Prefect, MLflow, a DVC remote, three clones.

One worker is killed with all its processes while it trains. The run ends all the same, on the other worker
and from the checkpoint of the killed one, with the hashes that a run on one machine gives.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workspace import copy_project

pytestmark = [pytest.mark.soak, pytest.mark.timeout(2400)]

POSTGRES = Path("/usr/lib/postgresql/15/bin")
STEPS = 400
RUN = ("run", "--data", "procedural", "--profile", "smoke", "--until", "tokens")
RUN += ("--set", f"tokenizer.training.steps={STEPS}", "--set", "tokenizer.training.checkpoint_every=10")
SECONDS = 900


@dataclass
class Cluster:
    """The servers, and the clones by name."""

    root: Path
    environment: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str, command: list[str], folder: Path, **environment: str) -> None:
        """Start a process in a session of its own."""
        with (self.root / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=folder,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def lamp(self, clone: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=self.root / clone,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def worker(self, name: str) -> None:
        command = [sys.executable, "-m", "flows.cli", "worker", "start", "--pool", "cpu", "--name", name]
        self.start(name, command, self.root / name, LAMP_CHECKPOINTS=str(self.root / "checkpoints"))

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, as a machine that loses its power does."""
        for pid in [*_descendants(self.processes.pop(name).pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def flow_runs(self) -> list[tuple[str, str]]:
        """Stage and state of every flow run of the deployments `stage`."""
        asked = urllib.request.Request(
            f"{self.environment['PREFECT_API_URL']}/flow_runs/filter",
            data=json.dumps({"sort": "START_TIME_ASC", "flows": {"name": {"any_": ["stage"]}}}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked) as answer:
            return [(run["parameters"]["name"], run["state_name"]) for run in json.load(answer)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not (POSTGRES / "initdb").exists():
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    root = tmp_path_factory.mktemp("cluster")
    prefect, mlflow = _free_port(), _free_port()
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect}/api",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{mlflow}",
        "LAMP_WORKER_PATIENCE": "20",
        "LAMP_THREADS": "1",
        "LAMP_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    environment.pop("PREFECT_HOME", None)
    cluster = Cluster(root, environment)
    with Postgres(root) as database:
        try:
            server = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
            cluster.start(
                "prefect",
                [*server, "--port", str(prefect)],
                root,
                PREFECT_API_DATABASE_CONNECTION_URL=database,
                PREFECT_HOME=str(root / "prefect"),
            )
            store = [
                "--backend-store-uri",
                f"sqlite:///{root}/mlflow.db",
                "--artifacts-destination",
                str(root / "files"),
            ]
            tracking = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
            cluster.start("mlflow", [*tracking, "--port", str(mlflow), *store], root)
            _make_clones(root)
            _until(lambda: _is_up(prefect) and _is_up(mlflow), "the servers do not start")
            deployed = cluster.lamp("here", "worker", "deploy")
            assert deployed.returncode == 0, deployed.stdout + deployed.stderr
            yield cluster
        finally:
            for name in list(cluster.processes):
                cluster.kill(name)


def test_a_run_outlives_a_worker_and_ends_as_on_one_machine(cluster: Cluster) -> None:
    for name in ("one", "two"):
        cluster.worker(name)
    command = [sys.executable, "-m", "flows.cli", *RUN, "--workers"]
    cluster.start("run", command, cluster.root / "here")
    killed = _until(lambda: _who_trains(cluster.root), "no worker trains")
    cluster.kill(killed)
    assert cluster.processes["run"].wait(SECONDS) == 0, (cluster.root / "run.log").read_text()

    runs = cluster.flow_runs()
    assert sorted(runs) == sorted(
        [
            *((name, "Completed") for name in ("ingest", "features", "tokenizer", "tokens")),
            ("tokenizer", "Crashed"),
        ]
    )
    other = {"one": "two", "two": "one"}[killed]
    progress = _progress(cluster.root / other)
    assert progress is not None
    assert progress["first_done"] >= 10, "it did not go on from the other clone's checkpoint"

    alone = cluster.lamp("alone", *RUN, LAMP_PULL="0", PREFECT_API_URL="", MLFLOW_TRACKING_URI="")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert _outputs(cluster.root / "here") == _outputs(cluster.root / "alone")

    again = cluster.lamp("late", *RUN, "--workers")
    assert again.returncode == 0, again.stdout + again.stderr
    assert _outputs(cluster.root / "late") == _outputs(cluster.root / "here")
    assert cluster.flow_runs() == runs, "something was computed twice"


def _make_clones(root: Path) -> None:
    """A repository with a DVC remote, and clones: here and late ask, one and two work, alone runs it all."""
    source = root / "source"
    source.mkdir()
    copy_project(source)
    shutil.copy(Path(__file__).parent.parent.parent / "params.yaml", source)
    (root / "store").mkdir()
    remote = [sys.executable, "-m", "dvc", "remote", "add", "--default", "storage", str(root / "store")]
    commit = [
        "git",
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "commit",
        "--quiet",
        "-m",
        "all",
    ]
    for made in (["git", "init", "--quiet"], remote, ["git", "add", "--all"], commit):
        subprocess.run(made, cwd=source, check=True, capture_output=True)
    for clone in ("here", "late", "alone", "one", "two"):
        subprocess.run(["git", "clone", "--quiet", str(source), str(root / clone)], check=True)


def _who_trains(root: Path) -> str | None:
    """The worker that has trained the tokenizer beyond a checkpoint or two."""
    for name in ("one", "two"):
        progress = _progress(root / name)
        if progress and progress["state"] == "running" and 30 <= progress["done"] < STEPS - 50:
            return name
    return None


def _progress(clone: Path) -> dict[str, Any] | None:
    path = clone / ".lamp/worker/1/.lamp/progress/tokenizer.json"
    return json.loads(path.read_text()) if path.exists() else None


def _outputs(clone: Path) -> dict[str, str]:
    """DVC's hash of every output, the metrics left out: some of them are seconds."""
    stages = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    return {
        out["path"]: out["md5"]
        for entry in stages.values()
        for out in entry["outs"]
        if not out["path"].startswith("data/metrics/")
    }


class Postgres:
    """A PostgreSQL server in a folder, with a database `prefect`; its user must not be root."""

    def __init__(self, root: Path) -> None:
        self._root, self._port = root / "postgres", _free_port()

    def __enter__(self) -> str:
        self._root.mkdir()
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._root, user.pw_uid, user.pw_gid)
            for folder in self._root.parents:
                if str(folder).startswith("/tmp/"):
                    folder.chmod(folder.stat().st_mode | 0o011)
        self._run("initdb", "--pgdata=data", "--auth=trust", "--username=prefect")
        listen = f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories={self._root}"
        self._run("pg_ctl", "--pgdata=data", "--log=log", "--wait", f"--options={listen}", "start")
        self._run("createdb", "--host=127.0.0.1", f"--port={self._port}", "--username=prefect", "prefect")
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self._port}/prefect"

    def __exit__(self, *ended: object) -> None:
        self._run("pg_ctl", "--pgdata=data", "--mode=fast", "stop")

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


def _descendants(pid: int) -> list[int]:
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_up(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(found: Callable[[], Any], otherwise: str) -> Any:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(otherwise)
