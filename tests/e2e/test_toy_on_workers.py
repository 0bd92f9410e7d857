"""Quick stages on two workers with real servers: what Prefect shows, cancel, resume elsewhere, outages."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster, Servers, cluster, commit, make_source, trains, until
from tests.docs_commands import documented_commands
from tests.servers import LOCALHOST
from tests.toy import UPSTREAM, give_quick_stages

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

OUTAGE_SECONDS = 30.0
Run = dict[str, Any]


@pytest.fixture(scope="module")
def toys(shared_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Clones of the toy project: here and elsewhere ask, one and two work."""
    root = tmp_path_factory.mktemp("toys")
    toy = give_quick_stages(make_source(root, str(root / "store")))
    toy.train_features()
    commit(toy.project.root)
    environment = {**shared_servers.environment, "TOY_FOLDER": str(root)}
    with cluster(root, environment, ("here", "elsewhere", "one", "two")) as made:
        for name in ("one", "two"):
            made.worker(name)
        yield made


@pytest.fixture(autouse=True)
def nothing_held(toys: Cluster) -> Iterator[None]:
    """A stage that a test lets stand still goes on at its end."""
    yield
    (toys.root / "hold").unlink(missing_ok=True)


@pytest.fixture
def received() -> Iterator[list[str]]:
    """The address of a webhook, and what it is told."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer((LOCALHOST, 0), Webhook) as server:
        told = [f"http://{LOCALHOST}:{server.server_port}/hook"]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


def pipeline_run(toys: Cluster) -> Run:
    """The last flow run of the pipeline."""
    return toys.flow_runs("pipeline")[-1]


def below(toys: Cluster, run: Run) -> list[Run]:
    """The subflows of a flow run."""
    found: list[Run] = toys.ask(
        "flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run["id"]]}}, sort="START_TIME_ASC"
    )
    return found


def task_states(toys: Cluster, run: Run) -> dict[str, str]:
    """The states of a flow run's stages."""
    wanted = {"flow_runs": {"id": {"any_": [run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
    tasks = toys.ask("task_runs/filter", **wanted)
    return {task["name"]: task["state_name"] for task in tasks if task["name"] in UPSTREAM}


def train(toys: Cluster, clone: str, divisor: int, *, workers: bool = True) -> None:
    """Start a run whose stage features stands still after its first step."""
    (toys.root / "hold").touch()
    wanted = ["run", "--until", "features", "--set", f"features.std_root_divisor={divisor}"]
    toys.start_lamp("run", clone, *wanted, *(["--workers"] if workers else []))
    until(lambda: trains(toys, "one", "two"), "no worker trains")


def test_every_stage_is_a_subflow_with_its_log_and_its_progress(toys: Cluster) -> None:
    toys.ends_well("here", "run", "--workers")
    run = pipeline_run(toys)
    assert run["state_name"] == "Completed"
    assert task_states(toys, run) == dict.fromkeys(UPSTREAM, "Completed")
    stages = {each["parameters"]["name"]: each for each in below(toys, run)}
    assert set(stages) == set(UPSTREAM)
    for name, each in stages.items():
        assert (each["state_name"], each["name"]) == ("Completed", f"{name}-procedural-smoke")
        assert toys.ask("logs/filter", logs={"flow_run_id": {"any_": [each["id"]]}})
    ofit = {"flow_run_id": {"any_": [stages["features"]["id"]]}, "type": {"any_": ["progress"]}}
    (bar,) = toys.ask("artifacts/filter", artifacts=ofit)
    assert bar["data"] > 0
    assert "features: " in bar["description"]


def test_what_ended_is_taken_over_and_what_the_remote_has_lost_is_computed_again(toys: Cluster) -> None:
    toys.ends_well("here", "run", "--workers")
    before = len(toys.flow_runs("stage"))
    said = toys.ends_well("elsewhere", "run", "--workers")
    assert len(toys.flow_runs("stage")) == before, said
    locks = [yaml.safe_load((toys.root / name / "dvc.lock").read_text()) for name in ("here", "elsewhere")]
    assert locks[0] == locks[1]

    output = locks[0]["stages"]["features"]["outs"][0]["md5"]
    for folder in ("store", "here/.dvc/cache", "elsewhere/.dvc/cache", "one/.dvc/cache", "two/.dvc/cache"):
        for lost in (toys.root / folder / "files" / "md5" / output[:2]).glob(f"{output[2:]}*"):
            lost.unlink()
    (toys.root / "elsewhere" / "dvc.lock").unlink()
    toys.ends_well("elsewhere", "run", "--workers")
    again = [run["parameters"]["name"] for run in toys.flow_runs("stage")[before:]]
    assert again == ["features"]
    assert yaml.safe_load((toys.root / "elsewhere" / "dvc.lock").read_text()) == locks[0]


def test_cancel_ends_everything_with_a_checkpoint_and_another_clone_resumes(toys: Cluster) -> None:
    train(toys, "here", 25)
    run = pipeline_run(toys)
    toys.ask(f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
    assert toys.processes["run"].wait(300) != 0
    ended = toys.ask(f"flow_runs/{run['id']}")
    assert ended["state_name"] == "Cancelled", toys.log("run").read_text()
    assert task_states(toys, run)["features"] == "Cancelled"
    (stage,) = [each for each in below(toys, run) if each["parameters"]["name"] == "features"]
    assert stage["state_name"] == "Cancelled"
    assert list((toys.root / "checkpoints").rglob("features/*/training/last"))
    (toys.root / "hold").unlink()

    said = toys.ends_well("elsewhere", "resume", run["name"])
    assert "going on with it" in said
    assert pipeline_run(toys)["parameters"]["workers"] is True
    metrics = json.loads((toys.root / "elsewhere/data/metrics/features.json").read_text())
    assert metrics["first_step"] >= 1
    params = yaml.safe_load((toys.root / "elsewhere/params.yaml").read_text())
    assert params["features"]["std_root_divisor"] == 25


def test_an_outage_of_both_servers_costs_nothing(toys: Cluster, shared_servers: Servers) -> None:
    train(toys, "here", 35)
    before = len(toys.flow_runs("stage"))
    with shared_servers.away():
        (toys.root / "hold").unlink()
        time.sleep(OUTAGE_SECONDS)  # the stage ends meanwhile
    assert toys.processes["run"].wait(300) == 0, toys.log("run").read_text()
    assert len(toys.flow_runs("stage")) == before
    run = pipeline_run(toys)
    assert run["state_name"] == "Completed"
    assert {each["state_name"] for each in below(toys, run)} == {"Completed"}
    metrics = json.loads((toys.root / "here/data/metrics/features.json").read_text())
    assert metrics["first_step"] == 0


def started_by_hand(toys: Cluster, deployment: str, **parameters: object) -> Run:
    """Start a deployment as a user of Prefect does, and wait for its end."""
    command = [sys.executable, "-m", "prefect", "deployment", "run", deployment, "--watch"]
    for name, value in parameters.items():
        command += ["--param", f"{name}={json.dumps(value)}"]
    ended = subprocess.run(
        command, env=toys.environment, cwd=toys.root, capture_output=True, text=True, check=False
    )
    runs = toys.flow_runs(deployment.split("/")[0])
    found = [run for run in runs if run["start_time"]]  # a schedule's runs are of tomorrow
    assert found, ended.stdout + ended.stderr
    return found[-1]


@pytest.mark.parametrize("workers", [False, True])
def test_the_deployment_of_the_pipeline_runs_on_workers(toys: Cluster, workers: bool) -> None:
    divisor = 45 + workers
    run = started_by_hand(
        toys,
        "pipeline/pipeline",
        data="procedural",
        profile="smoke",
        set=[f"features.std_root_divisor={divisor}"],
        until="features",
        force="ingest",
        system="lamp",
        name=f"nightly {divisor}",
        workers=workers,
        commit=toys.git("source", "rev-parse", "HEAD"),
    )
    assert run["state_name"] == "Completed"
    assert run["name"].startswith("procedural-smoke-")
    assert set(task_states(toys, run)) == {"ingest", "features"}
    assert len(below(toys, run)) == (2 if workers else 0)


@pytest.mark.parametrize("stage", ["ingest", "features"])
def test_the_deployment_of_a_stage_works_by_hand(toys: Cluster, stage: str) -> None:
    run = started_by_hand(toys, f"stage/{stage}")
    assert run["state_name"] == "Completed", run["state"]["message"]


def test_a_nightly_run_is_scheduled_and_a_failure_is_told(toys: Cluster, received: list[str]) -> None:
    (nightly,) = [
        command.words[1:]
        for command in documented_commands()
        if command.page == "docs/cluster.md" and command.words[1:3] == ("deployment", "schedule")
    ]
    subprocess.run(
        [sys.executable, "-m", "prefect", *nightly],
        env=toys.environment,
        cwd=toys.root,
        check=True,
        capture_output=True,
    )
    until(lambda: [run for run in toys.flow_runs("pipeline") if run["state_name"] == "Scheduled"], "no run")
    toys.ends_well("here", "worker", "deploy", "--on-failure", received[0])
    run = started_by_hand(toys, "pipeline/pipeline", data="no-such-data")
    assert run["state_name"] == "Failed"
    told = until(lambda: received[1:], "nothing is told", 120)
    assert f"{run['name']} is Failed" in json.loads(told[0])["text"]
