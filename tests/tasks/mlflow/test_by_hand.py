"""Plain DVC: `dvc repro` and `dvc exp run`, also in a copy, are tracked in the project's store."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.dvc.process import dvc_environment
from tasks.mlflow.by_hand import dvc_hash
from tasks.mlflow.registry import Registry
from tasks.mlflow.tracking import Tracking
from tests.shared_toy import COMMIT, git
from tests.toy import REPOSITORY, Toy

MODEL_STAGE = """\
from tasks.stage.process import main

def run(stage):
    (stage.output / "deep").mkdir()
    (stage.output / "deep" / "é.txt").write_text(str(stage.config.features.std_root_divisor))
    (stage.output / "config.json").write_text("{}")
    (stage.output / "model.safetensors").write_text(str(stage.config.features.std_root_divisor))
    return {"score": 1.0}

main("features", run)
"""


@pytest.fixture
def committed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The toy project whose stage features writes a model, committed."""
    toy.train_features()
    (toy.project.root / "training.py").write_text(MODEL_STAGE)
    with (toy.project.root / ".gitignore").open("a") as ignored:
        ignored.write("\nran.txt\n")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "toy")
        monkeypatch.setenv(f"{name}_EMAIL", "toy@localhost")
    git(toy.project.root, "add", "--all")
    git(toy.project.root, *COMMIT)
    return toy


def dvc(toy: Toy, *arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=toy.project.root,
        env=dvc_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_plain_dvc_is_tracked_and_its_models_are_registered(committed: Toy) -> None:
    dvc(committed, "repro", "features")
    tracking = Tracking(committed.project)
    written = committed.versions.output_hash("features")
    assert dvc_hash(committed.project.output("features")) == written
    maker = tracking.maker("features", "", written or "")
    assert maker is not None
    assert tracking.client.get_run(maker).info.status == "FINISHED"
    (version,) = Registry(tracking).versions("features")
    assert (version.run_id, version.weights) == (maker, written)
    assert version.made_with == {"ingest": committed.versions.output_hash("ingest")}

    dvc(committed, "exp", "run", "--temp", "--name", "wide", "--set-param", "features.std_root_divisor=25")
    newest, _ = Registry(tracking).versions("features")
    run = tracking.client.get_run(newest.run_id)
    assert run.data.tags["dvc_experiment"] == "wide"
    assert run.data.params["features.std_root_divisor"] == "25.0"
    stored = {Path(file.path).name for file in tracking.client.list_artifacts(newest.run_id, "model")}
    assert {"config.json", "model.safetensors"} <= stored
