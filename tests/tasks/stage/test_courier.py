"""A stage that a run has started never opens MLflow's store; the run's process sends its numbers."""

import subprocess
import sys

import pytest

from flows.pipeline.cleanup import look_after_killed, send_what_was_kept
from tasks.dvc.process import dvc_environment
from tasks.mlflow.tracking import Tracking
from tasks.stage import courier
from tasks.stage.courier import carried
from tasks.stage.memory import KEPT_FOR_CALLER
from tasks.stage.progress import read_progress
from tests.toy import Toy
from tests.waiting import wait_until

MODULES = """
import atexit, sys
atexit.register(lambda: open("modules.txt", "w").write(" ".join(sys.modules)))
"""


def started(toy: Toy) -> "subprocess.Popen[str]":
    """The process of the stage features as a run starts it."""
    toy.train_features()
    body = toy.project.root / "training.py"
    body.write_text(MODULES + body.read_text())
    return subprocess.Popen(
        [sys.executable, "training.py"],
        cwd=toy.project.root,
        env=dvc_environment({KEPT_FOR_CALLER: "1", "TOY_FOLDER": str(toy.folder)}),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_stage_does_not_import_mlflow_and_its_run_is_whole(toy: Toy) -> None:
    with carried(toy.project, "features"):
        stage = started(toy)
        assert stage.wait(timeout=60) == 0, stage.stderr and stage.stderr.read()
    modules = (toy.project.root / "modules.txt").read_text().split()
    assert "tasks.mlflow.tracking" in modules
    assert "mlflow" not in modules
    tracking = Tracking(toy.project)
    assert tracking.outbox.is_empty
    progress = read_progress(toy.project.progress_file("features"))
    assert progress is not None
    run = tracking.client.get_run(tracking.id_of(str(progress.run_id)))
    assert (run.info.status, run.info.run_name) == ("FINISHED", "features")
    assert run.data.metrics["features/first_step"] == 0.0
    assert run.data.metrics["system/system_memory_usage_megabytes"] > 0
    history = tracking.client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == list(range(1, 41))


def test_numbers_arrive_while_the_stage_runs_and_its_process_is_sampled(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SECONDS_BETWEEN_CALLS", 0.1)
    (toy.folder / "hold").touch()
    tracking = Tracking(toy.project)

    def found() -> bool:
        runs = tracking.client.search_runs([tracking.experiment_id])
        names = {name for run in runs for name in run.data.metrics}
        return {"loss", "system/process_memory_usage_megabytes"} <= names

    with carried(toy.project, "features"):
        assert tracking.outbox.is_attended
        stage = started(toy)
        try:
            wait_until(found, 60)
        finally:
            (toy.folder / "hold").unlink()
        assert stage.wait(timeout=60) == 0
    assert not tracking.outbox.is_attended


def test_what_a_killed_run_has_kept_is_sent_by_the_next_command(toy: Toy) -> None:
    (toy.folder / "hold").touch()
    stage, outbox = started(toy), Tracking(toy.project).outbox
    wait_until(lambda: not outbox.is_empty and b"loss" in _entries(toy), 60)
    stage.kill()
    stage.wait()
    said: list[str] = []
    with outbox.attended():  # as while a run lives
        send_what_was_kept(toy.project, said.append)
        assert not outbox.is_empty
    look_after_killed(toy.project, said.append)
    send_what_was_kept(toy.project, said.append)
    assert outbox.is_empty
    assert said[0] == "stage features was killed; `lamp run` goes on from its last checkpoint"
    assert said[1:] == ["MLflow: 1 run closed as KILLED"]
    (run,) = Tracking(toy.project).client.search_runs([Tracking(toy.project).experiment_id])
    assert (run.info.status, run.data.metrics["loss"]) == ("KILLED", 1.0)


def test_a_store_that_fails_is_one_warning(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = 0

    def fail(self: Tracking) -> bool:
        nonlocal looks
        looks += 1
        raise OSError("the store is broken")

    monkeypatch.setattr(Tracking, "flush", fail)
    monkeypatch.setattr(courier, "SECONDS_BETWEEN_CALLS", 0.02)
    with carried(toy.project, "features"):
        wait_until(lambda: looks >= 3, 60)
    assert (
        capsys.readouterr().err == "warning: MLflow does not keep this stage: OSError: the store is broken\n"
    )


def _entries(toy: Toy) -> bytes:
    return b"".join(path.read_bytes() for path in toy.project.state.glob("outbox/*/entries.jsonl"))
