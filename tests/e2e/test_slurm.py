"""A worker as a job of Slurm: before its limit the stage writes a checkpoint, and goes on in the next job."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Servers, cluster, commit, make_source, trains, until
from tests.slurm import missing, slurm
from tests.toy import give_quick_stages

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

RUN = ("run", "--workers", "--until", "features", "--set")


@pytest.fixture(scope="module")
def toys(shared_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Clones of the toy project on a machine with Slurm: here asks, the jobs' workers are in `one`."""
    if absent := missing():
        pytest.skip(f"needs Slurm (apt-get install slurm-wlm munge); not here: {absent}")
    root = tmp_path_factory.mktemp("slurm")
    toy = give_quick_stages(make_source(root, str(root / "store")))
    toy.train_features()
    commit(toy.project.root)
    with slurm(root / "slurm") as settings:
        environment = {**shared_servers.environment, **settings, "TOY_FOLDER": str(root)}
        with cluster(root, environment, ("here", "one")) as made:
            yield made


def called(toys: Cluster, *command: str, text: str = "") -> str:
    """What a command of Slurm prints."""
    ended = subprocess.run(
        command,
        cwd=toys.root / "one",
        env=toys.environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("time", ["04:00:00", "00:04:00"], ids=["a signal", "the limit itself"])
def test_a_stage_goes_on_in_the_next_job(toys: Cluster, time: str) -> None:
    script = toys.ends_well("one", "worker", "slurm", "--pool", "cpu", "--cores", "1", "--time", time)
    job = called(toys, "sbatch", "--parsable", text=script).strip()
    (toys.root / "hold").touch()
    before = len(_handed_back(toys))
    toys.start_lamp("run", "here", *RUN, f"features.std_root_divisor={71 if time == '04:00:00' else 81}")
    until(lambda: trains(toys, "one"), "no worker trains")
    if time == "04:00:00":  # hours away: the signal that Slurm itself sends before the limit
        called(toys, "scancel", "--batch", "--signal=USR1", job)
    runs = until(lambda: _handed_back(toys)[before:], "the worker does not hand the stage back")
    (toys.root / "hold").unlink()
    assert toys.processes["run"].wait(600) == 0, toys.log("run").read_text()
    assert [run["state_name"] for run in runs] == ["Crashed"]
    assert "Restarts=1" in called(toys, "scontrol", "show", "job", job)
    metrics = json.loads((toys.root / "here/data/metrics/features.json").read_text())
    assert metrics["first_step"] >= 1
    called(toys, "scancel", job)
    until(lambda: not called(toys, "squeue", "--noheader").strip(), "the job does not end", 120)


def _handed_back(toys: Cluster) -> list[dict[str, object]]:
    return [run for run in toys.flow_runs("stage") if run["state_name"] == "Crashed"]


def test_an_array_of_workers_runs_the_rows_of_an_experiment(toys: Cluster) -> None:
    (toys.root / "here/two.yaml").write_text(EXPERIMENT)
    script = toys.ends_well("one", "worker", "slurm", "--pool", "cpu", "--cores", "1", "--array", "0-1")
    job = called(toys, "sbatch", "--parsable", text=script).strip()
    toys.ends_well(
        "here", "experiment", "two.yaml", "--workers", "--data", "procedural", "--profile", "smoke"
    )
    made = {run["parameters"]["name"] for run in toys.flow_runs("stage")}
    assert {"features", "ingest"} <= made
    workers = toys.ask("work_pools/cpu/workers/filter", limit=50)
    assert {f"slurm-{job}-0", f"slurm-{job}-1"} <= {worker["name"] for worker in workers}
    called(toys, "scancel", job)


EXPERIMENT = """\
name: two
title: Two rows
until: features
tables: [{title: Features, columns: [{system: features, metric: first_step}]}]
rows:
  - {label: five, set: {features.std_root_divisor: 51}}
  - {label: six, set: {features.std_root_divisor: 61}}
"""
