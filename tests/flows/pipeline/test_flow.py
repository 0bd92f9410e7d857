"""The flow on a toy project: real DVC, real MLflow, one real Prefect server for all tests."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.pipeline.display import LineDisplay
from flows.pipeline.execution import Execution
from flows.pipeline.run import PipelineResult, run_pipeline
from flows.pipeline.run_records import Asked
from flows.pipeline.stage_runner import LocalRunner
from flows.pipeline.stage_states import StageStates
from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tasks.mlflow.relocation import follow_move
from tasks.mlflow.store import EXPERIMENT, STORE_FILE
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tasks.stage.holding import RepositoryBusy
from tasks.stage.outcome import Outcome
from tests.toy import REPOSITORY, Toy, make_toy


def run(toy: Toy, **options: Any) -> PipelineResult:
    return run_pipeline(toy.project, toy.config, Asked(**options))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, prefect_server: None) -> Path:
    """A toy project, every stage of which ran, under another name now: its copies are projects that moved."""
    folder = tmp_path_factory.mktemp("kept")
    toy = make_toy(folder / "toy", empty_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy.project.root)
        patch.setenv("TOY_FOLDER", str(toy.folder))
        result = run(toy)
    assert set(result.states.values()) == {"done"}
    assert toy.ran() == ["ingest", "features", "evaluator", "evaluate"]
    return toy.project.root.rename(folder / "kept")


@pytest.fixture
def fresh(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The toy project, every stage of which ran."""
    toy = Toy(Project(shutil.copytree(kept, tmp_path / "toy", symlinks=True)))
    follow_move(toy.project.root / STORE_FILE, EXPERIMENT, toy.project.root / "mlartifacts")
    monkeypatch.chdir(toy.project.root)
    monkeypatch.setenv("TOY_FOLDER", str(toy.folder))
    return toy


def test_a_second_run_runs_nothing_and_still_has_all_metrics(fresh: Toy) -> None:
    result = run(fresh)
    assert set(result.states.values()) == {"fresh"}
    assert result.outcomes == {}
    assert fresh.ran() == []
    (first,) = Tracking(fresh.project).pipeline_runs(2)
    assert first.info.run_id == result.run_id  # an equal one stands
    named = run(fresh, name="again")
    second = Tracking(fresh.project).pipeline_runs(2)[0]
    assert (second.info.run_id, second.info.run_name) == (named.run_id, "again")
    assert second.data.metrics == first.data.metrics
    assert second.data.metrics["evaluate/score"] == 8.0
    assert second.data.tags["lock_hash"] == first.data.tags["lock_hash"] != ""
    assert second.data.tags["data_version"] == fresh.versions.output_hash("ingest")
    assert second.info.status == "FINISHED"


def test_a_changed_parameter_runs_its_stage_and_what_follows(fresh: Toy) -> None:
    fresh.set("features.std_root_divisor=25")
    assert StageStates(fresh.project).rows()["evaluate"] == ("stale", "features will change")
    result = run(fresh)
    assert fresh.ran() == ["features", "evaluate"]
    assert (result.states["ingest"], result.states["evaluator"]) == ("fresh", "fresh")
    fresh.set("features.std_root_divisor=5")
    result = run(fresh)
    assert fresh.ran() == []
    assert (result.states["features"], result.states["evaluate"]) == ("restored", "restored")


def test_an_output_that_comes_out_the_same_stops_there(fresh: Toy) -> None:
    result = run(fresh, force="ingest")
    assert fresh.ran() == ["ingest"]
    assert (result.states["features"], result.states["evaluate"]) == ("fresh", "fresh")


def test_one_stage_alone_and_up_to_one(toy: Toy, prefect_server: None) -> None:
    run(toy, until="features")
    assert toy.ran() == ["ingest", "features"]
    toy.set("features.std_root_divisor=25", "ingest.clips=7")
    run(toy, only="features")
    assert toy.ran() == ["features"]


def test_a_failed_stage_stops_only_what_needs_it(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "features")
    result = run(toy)
    assert toy.ran() == ["ingest", "features", "evaluator"]  # not tried again: a bug does not pass
    assert (result.states["features"], result.states["evaluate"]) == ("failed", "blocked")
    assert "the toy is broken" in result.failed["features"].log
    assert Tracking(toy.project).pipeline_runs(1)[0].info.status == "FAILED"
    monkeypatch.delenv("TOY_FAIL")
    run(toy)
    assert toy.ran() == ["features", "evaluate"]


@pytest.mark.parametrize("error", [LampError("no deployment for it"), OSError("the disk is gone")])
def test_a_stage_that_cannot_be_carried_out_has_failed(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    carry_out = LocalRunner.run

    def refuse_features(self: LocalRunner, name: str, *, force: bool, parent_run: str) -> Outcome:
        if name == "features":
            raise error
        return carry_out(self, name, force=force, parent_run=parent_run)

    monkeypatch.setattr(LocalRunner, "run", refuse_features)
    result = run(toy)
    assert (result.states["features"], result.states["evaluate"]) == ("failed", "blocked")
    assert str(error) in result.failed["features"].error
    assert Tracking(toy.project).pipeline_runs(1)[0].info.status == "FAILED"


def test_a_stage_that_was_tried_again_in_vain_has_failed_by_what_stood_in_its_way(toy: Toy) -> None:
    graph = read_graph(toy.project)
    versions = SimpleNamespace(graph=graph)
    asked = SimpleNamespace(force=None)

    def busy(name: str, *, force: bool, parent_run: str) -> Outcome:
        raise RepositoryBusy("another process holds it")

    runner = SimpleNamespace(at_once=1, run=busy)
    plan = SimpleNamespace(
        names=["features", "evaluate"],
        versions=versions,
        runner=runner,
        asked=asked,
        is_fresh=lambda name: False,
    )
    record = SimpleNamespace(run_id="", stage_ended=lambda name, run_id: None)
    execution = Execution(plan, record, LineDisplay(lambda line: None))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(RepositoryBusy) as raised:
            execution.carry_out("features")
        execution.keep_trouble("features", raised.value)
    execution.end()
    assert execution.states == {"features": "failed", "evaluate": "blocked"}
    assert execution.outcomes["features"].error == "another process holds it"
    assert execution.ending == "failed"


def test_the_run_of_a_stage_is_nested_and_found_again(toy: Toy, prefect_server: None) -> None:
    toy.train_features()
    result = run(toy)
    tracking = Tracking(toy.project)
    made = result.outcomes["features"].run_id
    assert made is not None
    stage_run = tracking.client.get_run(made)
    assert stage_run.data.tags["mlflow.parentRunId"] == result.run_id
    assert stage_run.data.tags["flow_run"]
    assert tracking.client.get_run(result.run_id).data.tags["stage.features.run"] == made
    again = run(toy)
    assert tracking.client.get_run(again.run_id).data.tags["stage.features.run"] == made


IDLE_RUN = """\
import sys
from flows.pipeline.run import run_pipeline
from lamp_core.config import load_params
from tasks.project import find_project
project = find_project()
print(run_pipeline(project, load_params(project.params_file)).run_id)
print(*(name for name in ("prefect", "torch", "mlflow") if name in sys.modules))
"""


def idle(toy: Toy) -> tuple[str, set[str]]:
    """Run in a process of its own; return the id of the MLflow run, and which large packages it imported."""
    ended = subprocess.run(
        [sys.executable, "-c", IDLE_RUN],
        cwd=toy.project.root,
        check=True,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    *_, run_id, imported = ended.stdout.splitlines()
    return run_id, set(imported.split())


def test_a_run_with_nothing_to_do_opens_neither_prefect_nor_a_store_that_knows_it(fresh: Toy) -> None:
    (whole,) = Tracking(fresh.project).pipeline_runs(9)
    assert idle(fresh) == (whole.info.run_id, {"mlflow"})  # the store lies elsewhere than it did
    assert idle(fresh) == (whole.info.run_id, set())
    assert len(Tracking(fresh.project).pipeline_runs(9)) == 1


def test_a_run_is_added_when_the_store_has_lost_the_one_that_stood(fresh: Toy) -> None:
    (whole,) = Tracking(fresh.project).pipeline_runs(9)
    (fresh.project.root / "mlflow.db").unlink()
    again, imported = idle(fresh)
    assert imported == {"mlflow"}
    assert again != whole.info.run_id


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}
