"""MLflow's server away at the start, in the middle and at the end; a real one, killed and started again."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows.pipeline.flow import run_pipeline
from tasks.mlflow import tracking as tracking_module
from tasks.mlflow.registry import Registry, keep_model, lineage_of
from tasks.mlflow.store import StoreAway
from tasks.mlflow.tracking import Scalar, Tracking
from tests.servers import MlflowServer
from tests.toy import Toy


@pytest.fixture
def server(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, toy: Toy
) -> Iterator[MlflowServer]:
    """A server that is not up yet, named as the project's."""
    (tmp_path / "server").mkdir()
    shutil.copy(empty_store, tmp_path / "server" / "mlflow.db")
    server = MlflowServer(tmp_path / "server", tmp_path / "server" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setattr(tracking_module, "TOLD", set())
    monkeypatch.setattr("tasks.mlflow.store.SECONDS_HEARD", {True: 0.0, False: 0.0})
    yield server
    server.kill()


def steps(tracking: Tracking, run: str) -> list[int]:
    return [point.step for point in tracking.client.get_metric_history(run, "loss")]


def test_nothing_measured_is_lost_whenever_the_server_is_away(
    toy: Toy, server: MlflowServer, capsys: pytest.CaptureFixture[str]
) -> None:
    tracking, began = Tracking(toy.project), time.monotonic()
    parent = tracking.start("whole", {"kind": "pipeline"}, {"t2m.width": 3})
    child = tracking.start("evaluator", {"kind": "stage", "stage": "evaluator"}, {}, parent=parent)
    tracking.log(child, [Scalar.now("loss", 1.0, 1)])
    with pytest.raises(StoreAway, match=rf"MLflow at {server.address} does not answer"):
        tracking.pipeline_runs(1)
    assert time.monotonic() - began < 10
    assert capsys.readouterr().err == (
        f"warning: MLflow at {server.address} does not answer; the run goes on, its numbers are kept in "
        ".lamp/outbox and sent when it is back\n"
    )
    server.start()
    tracking.log(child, [Scalar.now("loss", 0.5, 2)])  # sends what came before, too
    assert tracking.outbox.is_empty
    whole, stage = tracking.id_of(parent), tracking.id_of(child)
    assert whole != parent
    run = tracking.client.get_run(stage)
    assert (run.data.tags["mlflow.parentRunId"], run.info.status) == (whole, "RUNNING")
    assert tracking.client.get_run(whole).data.params == {"t2m.width": "3"}
    assert steps(tracking, stage) == [1, 2]

    server.kill()
    folder = toy.project.output("evaluator")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text("weights")
    entries = {name: {"outs": [{"path": f"data/{name}", "md5": name}]} for name in ("ingest", "evaluator")}
    toy.project.lock_file.write_text(yaml.safe_dump({"stages": entries}))
    tracking.log(child, [Scalar.now("loss", 0.25, 3)])
    keep_model(tracking, child, folder)
    shutil.rmtree(folder)
    tracking.register(child, "evaluator", lineage_of(toy.versions, "evaluator", {}))
    tracking.link(parent, {}, {"evaluator": child})
    tracking.finish(child, "FINISHED")
    assert not tracking.outbox.is_empty
    server.start()
    assert Tracking(toy.project).flush()
    assert steps(tracking, stage) == [1, 2, 3]
    assert tracking.client.get_run(stage).info.status == "FINISHED"
    assert tracking.client.get_run(whole).data.tags["stage.evaluator.run"] == stage
    (version,) = Registry(tracking).versions("evaluator")
    assert (version.run_id, version.weights) == (stage, "evaluator")
    assert {file.path for file in tracking.client.list_artifacts(stage, "model")} == {
        "model/config.json",
        "model/model.safetensors",
    }
    assert list((toy.project.state / "outbox" / "files").iterdir()) == []


def test_a_run_whose_server_is_away_goes_on_and_is_tracked_later(
    toy: Toy, server: MlflowServer, prefect_server: None, capfd: pytest.CaptureFixture[str]
) -> None:
    toy.train_features()
    result = run_pipeline(toy.project, toy.config, until="features")
    assert result.states == {"ingest": "done", "features": "done"}
    assert capfd.readouterr().err.count("does not answer") == 1
    server.start()
    tracking = Tracking(toy.project)
    assert tracking.flush()
    (whole,) = tracking.pipeline_runs(5)
    assert (whole.info.run_id, whole.info.status) == (tracking.id_of(result.run_id), "FINISHED")
    assert whole.data.metrics["features/first_step"] == 0.0
    maker = whole.data.tags["stage.features.run"]
    assert steps(tracking, maker) == list(range(1, 41))
    assert tracking.maker("features", toy.versions.lock_hash("features") or "") == maker
