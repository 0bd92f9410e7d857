"""A moved or renamed project: artifacts, models and new runs are found and kept where it is now."""

import shutil
from pathlib import Path

import pytest

from tasks.mlflow.registry import Registry, keep_model
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tests.toy import Toy


def run_with_model(toy: Toy) -> str:
    folder = toy.project.output("evaluator")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text("weights")
    tracking = Tracking(toy.project)
    run = tracking.start("evaluator", {"kind": "stage", "stage": "evaluator"}, {})
    keep_model(tracking, run, folder)
    tracking.register(run, "evaluator", {"weights": "w1", "stage": "evaluator"})
    return run


def test_after_a_move_everything_is_found(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_with_model(toy)
    moved = Project(tmp_path / "another name, with ümlaut")
    toy.project.root.rename(moved.root)
    found = Tracking(moved)
    assert {file.path for file in found.client.list_artifacts(run, "model")} == {
        "model/config.json",
        "model/model.safetensors",
    }
    told = capsys.readouterr().err
    assert f"MLflow's files were in {toy.project.root / 'mlartifacts'}" in told
    (version,) = Registry(found).fetch("evaluator", "1", tmp_path / "models")
    assert (tmp_path / "models" / "evaluator" / "model.safetensors").read_text() == "weights"
    assert version.run_id == run
    new = found.start("t2m", {}, {})
    assert (moved.root / "mlartifacts").as_uri() in found.client.get_run(new).info.artifact_uri
    Tracking(moved).client.get_run(new)
    assert "MLflow's files were" not in capsys.readouterr().err


def test_a_copy_of_a_project_leaves_the_files_of_the_first_alone(toy: Toy, tmp_path: Path) -> None:
    run = Tracking(toy.project).start("t2m", {}, {})
    Tracking(toy.project).keep_text(run, "a file", "note.txt")
    place = Tracking(toy.project).client.get_run(run).info.artifact_uri
    copy = Project(tmp_path / "copy")
    shutil.copytree(toy.project.root, copy.root)
    assert Tracking(copy).client.get_run(run).info.artifact_uri == place
