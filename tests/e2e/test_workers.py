"""Stages on two workers: one is killed with all its processes while it trains.

The run ends all the same, on the other worker, with the hashes that a run on one machine gives; where the
workers share a folder of checkpoints, from that of the killed one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster, Servers, cluster, commit, make_source, until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(2400)]

STEPS = 400
RUN = ("run", "--data", "procedural", "--profile", "smoke", "--until", "tokens")
RUN += ("--set", f"tokenizer.training.steps={STEPS}", "--set", "tokenizer.training.checkpoint_every=10")
SECONDS = 900
ALONE = {"LAMP_PULL": "0", "PREFECT_API_URL": "", "MLFLOW_TRACKING_URI": ""}


@pytest.fixture
def clones(shared_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Here and late ask, one and two work, alone runs it all."""
    root = tmp_path_factory.mktemp("cluster")
    commit(make_source(root, str(root / "store")))
    with cluster(root, shared_servers.environment, ("here", "late", "alone", "one", "two")) as made:
        yield made


@pytest.mark.parametrize("shares_checkpoints", [True, False], ids=["shared checkpoints", "own checkpoints"])
def test_a_run_outlives_a_worker_and_ends_as_on_one_machine(
    clones: Cluster, shares_checkpoints: bool
) -> None:
    own = {} if shares_checkpoints else {"LAMP_CHECKPOINTS": ""}
    for name in ("one", "two"):
        clones.worker(name, **own)
    clones.start_lamp("run", "here", *RUN, "--workers")
    killed = until(lambda: _who_trains(clones.root), "no worker trains", SECONDS)
    clones.kill(killed)
    assert clones.processes["run"].wait(SECONDS) == 0, clones.log("run").read_text()

    runs = sorted((run["parameters"]["name"], run["state_name"]) for run in clones.flow_runs("stage"))
    stages = ("ingest", "features", "tokenizer", "tokens")
    assert runs == sorted([*((name, "Completed") for name in stages), ("tokenizer", "Crashed")])
    progress = _progress(clones.root / {"one": "two", "two": "one"}[killed])
    assert progress is not None
    assert (progress["first_done"] >= 10) == shares_checkpoints

    clones.ends_well("alone", *RUN, **ALONE)
    assert _outputs(clones.root / "here") == _outputs(clones.root / "alone")

    clones.ends_well("late", *RUN, "--workers")
    assert _outputs(clones.root / "late") == _outputs(clones.root / "here")
    assert len(clones.flow_runs("stage")) == len(runs), "something was computed twice"


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
