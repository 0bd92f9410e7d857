import math

from tasks.mlflow.tracking import Scalar, Tracking, flatten, metric_name
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


def test_only_a_run_of_the_store_goes_on(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start("t2m", {}, {})
    tracking.finish(run, "KILLED")
    assert tracking.go_on(run)
    assert tracking.client.get_run(run).info.status == "RUNNING"
    assert not tracking.go_on("0" * 32)


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
