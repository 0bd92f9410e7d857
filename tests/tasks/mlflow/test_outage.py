"""MLflow's server away at the start, in the middle and at the end; a real one, behind a gate."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from flows.pipeline.run import run_pipeline
from flows.pipeline.run_records import Asked
from tasks.mlflow import tracking as tracking_module
from tasks.mlflow.registry import Registry, keep_model, lineage_of
from tasks.mlflow.store import StoreAway
from tasks.mlflow.tracking import Scalar, Tracking
from tests.servers import Gate, mlflow_server
from tests.toy import Toy


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder / "mlflow.db")
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:  # the server keeps the files
        database.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/1'")
    with mlflow_server(folder, folder / "mlflow.db") as port:
        yield port


@pytest.fixture
def server(server_port: int, monkeypatch: pytest.MonkeyPatch, toy: Toy) -> Iterator[Gate]:
    """The project's server, which is away at first."""
    gate = Gate(server_port)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gate.address)
    monkeypatch.setattr(tracking_module, "TOLD", set())
    monkeypatch.setattr("tasks.mlflow.store.SECONDS_HEARD", {True: 0.0, False: 0.0})
    yield gate
    gate.close()


def steps(tracking: Tracking, run: str) -> list[int]:
    return [point.step for point in tracking.client.get_metric_history(run, "loss")]


def test_nothing_measured_is_lost_whenever_the_server_is_away(
    toy: Toy, server: Gate, capsys: pytest.CaptureFixture[str]
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
    server.open()
    tracking.log(child, [Scalar.now("loss", 0.5, 2)])  # sends what came before, too
    assert tracking.outbox.is_empty
    whole, stage = tracking.id_of(parent), tracking.id_of(child)
    assert whole != parent
    run = tracking.client.get_run(stage)
    assert (run.data.tags["mlflow.parentRunId"], run.info.status) == (whole, "RUNNING")
    assert tracking.client.get_run(whole).data.params == {"t2m.width": "3"}
    assert steps(tracking, stage) == [1, 2]

    server.close()
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
    server.open()
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
    assert list(toy.project.state.glob("outbox/*/files/*")) == []


def test_while_another_process_sends_nothing_is_said_and_nothing_stays_behind(
    toy: Toy, server: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    server.open()
    tracking, other = Tracking(toy.project), Tracking(toy.project).outbox
    run = tracking.start("whole", {"kind": "pipeline"}, {})
    other.append({"do": "tag", "run": run, "tags": {"first": "1"}})
    with other.sending():  # what waits is being sent, until now in vain
        tracking.log(run, [Scalar.now("loss", 1.0, 1)])
        assert not tracking.outbox.is_empty
    tracking.finish(run, "FINISHED")
    assert tracking.outbox.is_empty
    assert steps(tracking, run) == [1] and tracking.client.get_run(run).data.tags["first"] == "1"
    assert capsys.readouterr().err == ""


def test_a_run_whose_server_is_away_goes_on_and_is_tracked_later(
    toy: Toy, server: Gate, prefect_server: None, capfd: pytest.CaptureFixture[str]
) -> None:
    toy.train_features()
    result = run_pipeline(toy.project, toy.config, Asked(until="features"))
    assert result.states == {"ingest": "done", "features": "done"}
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: MLflow")]
    assert len(said) == 1 and said[0].startswith(f"warning: MLflow at {server.address} does not answer")
    server.open()
    tracking = Tracking(toy.project)
    assert tracking.flush()
    whole = tracking.client.get_run(tracking.id_of(result.run_id))
    assert whole.info.status == "FINISHED"
    assert whole.data.metrics["features/first_step"] == 0.0
    maker = whole.data.tags["stage.features.run"]
    assert steps(tracking, maker) == list(range(1, 41))
    assert tracking.maker("features", toy.versions.lock_hash("features") or "") == maker
