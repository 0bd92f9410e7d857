"""How long `lamp run` takes when nothing is stale, and what the tools add to a stage that runs.

What they add is measured on a project of its own: the same work by a bare process, and as a stage that DVC,
Prefect and MLflow look after. What the run takes before and after its stages (Prefect's server) comes once.

python -m benchmarks.pipeline
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tasks.dvc.graph import read_graph
from tasks.dvc.versions import Versions
from tasks.mlflow.tracking import Tracking
from tasks.project import Project, find_project
from tests.toy import Toy, make_toy

ROUNDS = 3
STAGE = "evaluator"
REPOSITORY = Path(__file__).parent.parent
WORK = """\
import torch
from tasks.stage.process import main

def work(stage=None):
    torch.set_num_threads(1)
    values = torch.eye(256)
    for step in range(4000):
        values = values @ values
        if stage is not None:
            stage.on_log(step, {"loss": 1.0})
    return {"score": 1.0}
"""
BARE = WORK + "work()\n"
AS_STAGE = (
    WORK
    + f"""
def run(stage):
    (stage.output / "out").write_text("made")
    return work(stage)

main("{STAGE}", run)
"""
)
RUN = f"""\
import json
from flows.pipeline.run import run_pipeline
from lamp_core.config import load_params
from tasks.project import find_project

project = find_project()
result = run_pipeline(project, load_params(project.params_file), only="{STAGE}", force="{STAGE}")
print(json.dumps({{"run": result.seconds, "stage": result.outcomes["{STAGE}"].seconds}}))
"""


def measure() -> dict[str, float]:
    """Time whole processes; a run with nothing to do only where every stage of this project is fresh."""
    return {**measure_fresh_run(), **measure_stage()}


def measure_fresh_run() -> dict[str, float]:
    """The whole command, its MLflow run included."""
    project = find_project()
    status = Versions(project, read_graph(project)).status()
    if any(freshness.state != "fresh" for freshness in status.values()):
        return {}
    seconds = [_seconds([sys.executable, "-m", "flows.cli", "run"], project.root) for _ in range(ROUNDS)]
    return {
        "stages": len(status),
        "fresh_run_seconds": statistics.median(seconds),
        "fresh_run_seconds_longest": max(seconds),
    }


def measure_stage() -> dict[str, float]:
    """The same work bare and as a stage of a run."""
    with tempfile.TemporaryDirectory(prefix="lamp-bench-") as folder:
        toy = _project(Path(folder))
        root = toy.project.root
        toy.versions.reproduce("ingest")
        bare = statistics.median(_seconds([sys.executable, "bare.py"], root) for _ in range(ROUNDS))
        runs = [json.loads(_output([sys.executable, "-c", RUN], root)) for _ in range(ROUNDS)]
    stage = statistics.median(run["stage"] for run in runs)
    return {
        "bare_stage_seconds": bare,
        "stage_in_a_run_seconds": stage,
        "added_to_a_stage_seconds": stage - bare,
        "added_to_a_run_seconds": statistics.median(run["run"] - run["stage"] for run in runs),
    }


def _project(folder: Path) -> Toy:
    """A small project whose stage STAGE does the work."""
    store = Project(folder / "store")
    store.root.mkdir()
    assert Tracking(store).experiment_id
    toy = make_toy(folder / "project", store.root / "mlflow.db")
    (toy.project.root / "bare.py").write_text(BARE)
    (toy.project.root / "stage.py").write_text(AS_STAGE)
    text = toy.project.graph_file.read_text()
    toy.project.graph_file.write_text(text.replace(f"python toy.py {STAGE}", "python stage.py"))
    return toy


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    _output(command, folder)
    return time.perf_counter() - started


def _output(command: list[str], folder: Path) -> str:
    """The last line that a process prints; it finds this project's code."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=environment)
    return ended.stdout.strip().rpartition("\n")[2]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
