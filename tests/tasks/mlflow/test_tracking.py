import math
from pathlib import Path

import pytest

from tasks.mlflow.store import metric_name
from tasks.mlflow.tracking import Scalar, Tracking, flatten
from tests.toy import Toy


def test_names_and_values_are_made_to_fit() -> None:
    assert metric_name("R@1 (full) +") == "R_1 _full_ _"
    assert flatten({"t2m": {"hidden_dim": 1, "training": {"steps": 2}}, "profile": "quick"}) == {
        "t2m.hidden_dim": 1,
        "t2m.training.steps": 2,
        "profile": "quick",
    }


def test_a_run_keeps_parameters_tags_and_finite_metrics(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    parent = tracking.start("whole", {"kind": "pipeline"}, {f"p{index}": index for index in range(150)})
    child = tracking.start("t2m", {"kind": "stage", "stage": "t2m"}, {}, parent=parent)
    tracking.log(child, [Scalar.now("loss", 1 / step, step) for step in range(1, 1200)])
    tracking.log(child, [Scalar.now("fid", math.nan), Scalar.now("distance", math.inf)])
    tracking.finish(child, "FINISHED")
    run = tracking.client.get_run(child)
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert set(run.data.metrics) == {"loss"}
    assert tracking.last_step(child, "loss") == 1199
    assert tracking.last_step(child, "fid") == -1
    assert len(tracking.client.get_run(parent).data.params) == 150
    assert [run.info.run_id for run in tracking.pipeline_runs(5)] == [parent]


def test_the_maker_of_an_output_is_found_by_the_hash_of_its_lock(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    old = tracking.start("t2m", {"kind": "stage", "stage": "t2m", "lock_hash": "aa"}, {})
    tracking.start("t2m", {"kind": "stage", "stage": "t2m", "lock_hash": "bb"}, {})
    assert tracking.maker("t2m", "aa") == old
    assert tracking.maker("t2m", "cc") is None
    assert tracking.maker("length", "aa") is None
    by_hand = tracking.start("t2m", {"kind": "stage", "stage": "t2m", "output_hash": "o1"}, {})
    assert tracking.maker("t2m", "cc", "o1") == by_hand


def test_a_run_goes_on_and_one_that_the_store_has_lost_starts_anew(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start("t2m", {"device": "cpu"}, {"t2m.width": 3})
    tracking.finish(run, "KILLED")
    assert tracking.start("t2m", {"device": "cuda"}, {"t2m.width": 3}, known=run) == run
    found = tracking.client.get_run(run)
    assert (found.info.status, found.data.tags["device"]) == ("RUNNING", "cuda")
    lost = "0" * 32
    new = tracking.start("t2m", {"device": "cpu"}, {"t2m.width": 3}, parent=run, known=lost)
    assert new != lost
    found = tracking.client.get_run(new)
    assert (found.info.run_name, found.data.params) == ("t2m", {"t2m.width": "3"})
    assert found.data.tags["mlflow.parentRunId"] == run


def test_what_is_kept_for_another_process_is_the_same_in_the_store(toy: Toy, tmp_path: Path) -> None:
    stage, sender = Tracking(toy.project), Tracking(toy.project)
    stage.is_later = True
    own = stage.start("t2m", {"kind": "stage"}, {"t2m.width": 3})
    stage.log(own, [Scalar.now("loss", 0.5, 1)])
    weights, log = tmp_path / "model.safetensors", tmp_path / "log.txt"
    weights.write_text("weights")
    log.write_text("as it was")
    stage.keep_outputs(own, [weights], tmp_path, "model")
    stage.keep_file(own, log)
    assert sender.id_of(own) == own
    assert sender.flush()
    log.write_text("another")
    run = sender.id_of(own)
    assert run != own
    assert sender.client.get_run(run).data.metrics == {"loss": 0.5}
    (artifacts,) = (toy.project.root / "mlartifacts").glob("*/artifacts")
    assert (artifacts / "model" / "model.safetensors").stat().st_ino == weights.stat().st_ino
    assert (artifacts / "log.txt").read_text() == "as it was"
    stage.log(
        stage.start("t2m", {}, {}, known=own),
        [Scalar.now("loss", 0.4, step) for step in (1, 2)],
        goes_on=True,
    )
    stage.finish(own, "FINISHED")
    assert sender.flush()
    history = sender.client.get_metric_history(run, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.4)]
    assert sender.client.get_run(run).info.status == "FINISHED"


def test_runs_that_a_killed_process_left_running_are_closed(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    tags = {"kind": "pipeline", "experiment": "trial"}
    ours, ended, other = (
        tracking.start("row", values, {}) for values in (tags, tags, {**tags, "experiment": "another"})
    )
    tracking.finish(ended, "FINISHED")
    tracking.close_killed({"experiment": "trial"})
    states = [tracking.client.get_run(run).info.status for run in (ours, ended, other)]
    assert states == ["KILLED", "FINISHED", "RUNNING"]


def test_a_run_is_linked_with_the_runs_that_made_its_outputs(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    tags = {"kind": "stage", "flow_parent": "parent"}
    features, report = (
        tracking.start(stage, {**tags, "stage": stage, "device": device, "lock_hash": f"{stage}-1"}, {})
        for stage, device in (("features", "cpu"), ("report", "cuda:0"))
    )
    whole = tracking.start("whole", {}, {})
    tracking.link(
        whole, {"features": ("features-1", ""), "report": ("-", ""), "length": ("-", "")}, {"report": report}
    )
    tracking.note_data(whole, "walks", "d" * 36 + ".dir")
    run = tracking.client.get_run(whole)
    linked = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    assert linked == {
        "stage.features.run": features,
        "stage.report.run": report,
        "device": "cpu cuda:0",
        "artifacts_run": "parent",
    }
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("walks", "d" * 36)


def test_steps_that_an_interrupted_run_has_written_are_left_out(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start("t2m", {}, {})
    tracking.log(run, [Scalar.now("loss", 1.0, step) for step in (1, 2, 3)])
    resumed = Tracking(toy.project)
    for steps in ((2, 3), (3, 4), (5,)):
        resumed.log(run, [Scalar.now("loss", 0.5, step) for step in steps], goes_on=True)
    history = tracking.client.get_metric_history(run, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 1), (2, 1), (3, 1), (4, 0.5), (5, 0.5)]


@pytest.mark.parametrize("value", ["Guo's", 'the "own"', """Guo's "own" one"""])
def test_names_and_tags_may_hold_quotes(value: str, toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start(value, {"kind": "pipeline", "project": value}, {})
    other = tracking.start("other", {"kind": "pipeline", "project": "other"}, {})
    assert [found.info.run_id for found in tracking.pipeline_runs(9, tags={"project": value})] == [run]
    assert [found.info.run_id for found in tracking.named(value)] == [run]
    tracking.close_killed({"project": value})
    assert [tracking.client.get_run(each).info.status for each in (run, other)] == ["KILLED", "RUNNING"]


def test_a_run_is_found_by_its_name_and_by_the_beginning_of_its_id(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    first, second = (tracking.start(name, {"kind": "pipeline"}, {}) for name in ("walk", "run"))
    assert [found.info.run_id for found in tracking.named("walk")] == [first]
    assert [found.info.run_id for found in tracking.named(second[:9])] == [second]
    assert tracking.named("wal") == []
