"""Faults of the parts: processes killed, two runs at once, time limits; real DVC, MLflow and Prefect."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from flows.commands.resume import changes_since, find_run, resume
from flows.pipeline.cleanup import close_flow_runs, look_after_killed
from flows.pipeline.run import run_pipeline
from flows.pipeline.run_records import (
    Asked,
    RunRecord,
    begin_record,
    end_record,
    params_of,
    read_records,
    write_record,
)
from flows.pipeline.stage_states import StageStates
from lamp_core.errors import LampError
from tasks.mlflow.tracking import Tracking
from tasks.stage.progress import read_progress
from tasks.system.processes import this_process
from tests.toy import REPOSITORY, Toy
from tests.waiting import wait_until


@pytest.fixture
def slow(toy: Toy, prefect_server: None) -> Toy:
    """The toy project whose stage features takes four seconds, its inputs ready."""
    toy.train_features("slow")
    toy.versions.reproduce("ingest")
    return toy


def start(toy: Toy, *arguments: str) -> "subprocess.Popen[str]":
    """Start ``lamp`` in a process of its own, with the server of all tests."""
    from prefect.settings import PREFECT_API_URL

    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=toy.project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def steps_done(toy: Toy) -> int:
    progress = read_progress(toy.project.progress_file("features"))
    return progress.done if progress is not None and progress.is_alive else 0


def is_held(toy: Toy, name: str) -> bool:
    """Whether a flow, or DVC that outlives it, still holds a stage."""
    with toy.project.hold_file(name).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_after_a_kill_of_the_flow_nothing_lives_on_and_the_next_run_goes_on(slow: Toy) -> None:
    flow = start(slow, "run", "--until", "features")
    wait_until(lambda: steps_done(slow) >= 5)
    stage = read_progress(slow.project.progress_file("features"))
    assert stage is not None
    flow.kill()
    flow.wait()
    wait_until(lambda: not stage.is_alive and not is_held(slow, "features"))
    stage = read_progress(slow.project.progress_file("features"))
    states = StageStates(slow.project)
    assert states.rows()["features"][1].endswith("interrupted; goes on from its checkpoint")
    assert "was killed; `lamp resume` goes on with it" in states.run_lines()[0]
    (record,) = read_records(slow.project)
    said: list[str] = []
    look_after_killed(slow.project, said.append)
    assert f"({record.run_id[:8]}) was killed" in said[0]
    tracking = Tracking(slow.project)
    client = tracking.client
    assert stage is not None
    assert stage.run_id is not None
    stage_run = tracking.id_of(stage.run_id)
    for run in (record.run_id, stage_run):
        assert client.get_run(run).info.status == "KILLED"

    result = run_pipeline(slow.project, slow.config, Asked(until="features"))
    assert result.states == {"ingest": "fresh", "features": "done"}
    assert result.outcomes["features"].run_id == stage_run
    history = client.get_metric_history(stage_run, "loss")
    assert [point.step for point in history] == list(range(1, 41))  # none twice, none back
    resumed = client.get_run(stage_run)
    assert (resumed.info.status, resumed.data.metrics["features/first_step"] >= 5) == ("FINISHED", True)
    assert _flow_run_state(record) == "CRASHED"
    said.clear()
    look_after_killed(slow.project, said.append)
    assert said == []


def test_of_two_runs_at_once_the_second_waits_or_refuses(slow: Toy) -> None:
    hold = slow.folder / "hold"
    hold.touch()
    slow.train_features()
    first = start(slow, "run", "--until", "features")
    wait_until(lambda: steps_done(slow) >= 1)
    assert StageStates(slow.project).run_lines() == [
        f"run procedural-smoke is at work: process {first.pid}, {read_records(slow.project)[0].flow_run}"
    ]
    refused = start(slow, "run", "--until", "features", "--no-wait")
    said = refused.communicate(timeout=200)[0]
    assert refused.returncode == 2, said
    assert f"stage 'features' is run by process {first.pid}" in said
    second = start(slow, "run", "--until", "features")
    waits = f"features: waits for process {first.pid}, which runs it\n"
    assert second.stdout is not None
    assert waits in iter(second.stdout.readline, "")
    hold.unlink()
    rest = second.communicate(timeout=200)[0]
    assert "features: restored" in rest
    first.communicate(timeout=200)
    assert (first.returncode, second.returncode) == (0, 0)
    assert (slow.project.output("features") / "out").read_text() == "5.0"
    assert StageStates(slow.project).rows()["features"] == ("fresh", "")


def test_a_stage_that_takes_too_long_ends_with_a_checkpoint(
    slow: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slow.folder / "hold").touch()
    slow.train_features()
    for limit in ("10s", "60s", "5min"):  # the stage's imports may take longer than the first
        monkeypatch.setenv("LAMP_TIMEOUT_FEATURES", limit)
        outcome = run_pipeline(slow.project, slow.config, Asked(until="features")).outcomes["features"]
        assert (outcome.state, outcome.is_bad_request) == ("failed", True)
        assert outcome.error.startswith(f"ended after {limit}, the limit that LAMP_TIMEOUT_FEATURES sets; it")
        if "it had no checkpoint yet" not in outcome.error:
            break
    assert "; its checkpoint" in outcome.error
    progress = read_progress(slow.project.progress_file("features"))
    assert progress is not None
    assert progress.state == "killed"
    assert list(slow.project.checkpoint_folder("features").glob("*/training/last"))


def test_a_failed_run_is_resumed_with_its_own_parameters(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LampError, match="nothing to resume; `lamp run`"):
        find_run(toy.project, None)
    toy.set("features.std_root_divisor=25")
    monkeypatch.setenv("TOY_FAIL", "features")
    failed = run_pipeline(toy.project, toy.config, Asked(until="features"))
    assert toy.ran() == ["ingest", "features"]
    monkeypatch.delenv("TOY_FAIL")
    toy.set("features.std_root_divisor=5")
    (record,) = read_records(toy.project)
    for name in (None, record.run_id[:8], record.name, record.flow_run):
        assert find_run(toy.project, name) == record
    assert changes_since(toy.project, record) == []
    (toy.project.root / "toy.py").write_text((toy.project.root / "toy.py").read_text() + "# changed\n")
    assert changes_since(toy.project, record) == ["changed since: toy.py; stages that read them start anew"]
    resume(record.run_id[:8])
    assert toy.ran() == ["ingest", "features"]  # until features, as the run was asked
    assert toy.config.features.std_root_divisor == 25.0
    out = capsys.readouterr().out
    assert (
        f"procedural-smoke features.std_root_divisor=25 ({failed.run_id[:8]}, {record.flow_run}) failed at "
        "features; going on with it" in out
    )
    assert "changed since: toy.py" in out
    newest = read_records(toy.project)[0]
    assert Tracking(toy.project).client.get_run(newest.run_id).data.tags["resumes"] == failed.run_id
    with pytest.raises(
        LampError, match=r"nothing to resume; the last run, procedural-smoke features\.\S+, finished"
    ):
        resume(None)
    with pytest.raises(
        LampError, match="no run 'x' is recorded here or in MLflow; the last ones here: procedural-smoke-"
    ):
        resume("x")


def test_a_run_of_another_clone_is_resumed_by_what_mlflow_keeps_of_it(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.set("features.std_root_divisor=25")
    monkeypatch.setenv("TOY_FAIL", "features")
    run_pipeline(toy.project, toy.config, Asked(until="features", name="mine"))
    (record,) = read_records(toy.project)
    shutil.rmtree(toy.project.runs)  # another clone has none of it
    toy.set("features.std_root_divisor=5")
    for name in ("mine", record.run_id[:8], record.flow_run, record.flow_run_id):
        assert find_run(toy.project, name) == record
        assert params_of(toy.project, record).exists()
        shutil.rmtree(toy.project.runs)
    monkeypatch.delenv("TOY_FAIL")
    toy.ran()
    resume(record.flow_run)
    assert toy.ran() == ["features"]
    assert toy.config.features.std_root_divisor == 25.0


def test_a_signal_that_comes_when_all_has_ended_kills_nothing(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.pipeline.artifacts._create_artifacts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(toy.project, toy.config, Asked(until="ingest"))
    (record,) = read_records(toy.project)
    assert (record.state, record.is_open) == ("finished", True)
    assert Tracking(toy.project).client.get_run(record.run_id).info.status == "FINISHED"


def test_a_row_of_an_experiment_and_a_living_run_are_not_resumed(toy: Toy) -> None:
    row = begin_record(
        toy.project, RunRecord(run_id="a1", name="row", flow_run="row-1", tags=(("experiment", "trial"),))
    )
    with pytest.raises(LampError, match="is a row of experiment trial"):
        find_run(toy.project, "row")
    end_record(toy.project, row, "finished")
    living = begin_record(toy.project, RunRecord(run_id="b2", name="whole", flow_run="whole-1"))
    with pytest.raises(LampError, match=rf"whole still runs \(process {os.getpid()}\)"):
        find_run(toy.project, "whole")
    end_record(toy.project, living, "failed", ["features"])
    assert find_run(toy.project, None).failed == ("features",)
    assert replace(living, process="999999999:x:1").state == "killed"


def test_the_server_that_a_run_starts_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.pipeline import prefect_server

    started: list[tuple[list[str], dict[str, str]]] = []

    class Server:
        def __init__(self) -> None:
            self.port = 8123

        def start(self) -> None:
            self._run_uvicorn_command()

    monkeypatch.setattr("prefect.server.api.server.SubprocessASGIServer", Server)
    monkeypatch.setattr(prefect_server, "is_server_set", lambda: False)
    monkeypatch.setattr(
        "flows.pipeline.prefect_server.subprocess.Popen", lambda command, env: started.append((command, env))
    )
    prefect_server.start_server()
    ((command, environment),) = started
    assert command[1:4] == ["-m", "tasks.system.orphans", "uvicorn"]
    assert environment["LAMP_FLOW_PID"].startswith(f"{os.getpid()}:")


@pytest.mark.soak
@pytest.mark.timeout(1800)  # a server of its own; the run waits for a minute for it when it is gone
def test_a_run_outlives_its_prefect_server(toy: Toy) -> None:
    import psutil

    toy.train_features()
    toy.versions.reproduce("ingest")
    hold = toy.folder / "hold"
    hold.touch()
    flow = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", "--until", "features"],
        cwd=toy.project.root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: steps_done(toy) >= 1 or flow.poll() is not None, seconds=600)
    (server,) = (
        child for child in psutil.Process(flow.pid).children() if "uvicorn" in " ".join(child.cmdline())
    )
    server.kill()
    hold.unlink()
    said = flow.communicate(timeout=600)[0]
    assert flow.returncode == 0, said
    assert "features: done" in said
    assert said.count("warning: Prefect's server is gone") == 1
    assert "Traceback" not in said
    (record,) = read_records(toy.project)
    assert (record.ending, record.is_open) == ("finished", True)
    run = Tracking(toy.project).client.get_run(record.run_id)
    assert run.info.status == "FINISHED"


def test_a_flow_run_that_ended_while_the_server_was_away_is_closed_later(
    toy: Toy, prefect_server: None
) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    with get_client(sync_client=True) as client:
        runs = [
            client.create_flow_run(flow(lambda: None, name="pipeline"), state=Running()) for _ in range(2)
        ]
    for run, ending in zip(runs, ("finished", "failed"), strict=True):
        record = RunRecord(run_id=f"run-{run.id}", name="whole", flow_run=run.name, flow_run_id=str(run.id))
        end_record(toy.project, begin_record(toy.project, record), ending, is_open=True)
    close_flow_runs(toy.project)
    states = [_flow_run_state(record) for record in reversed(read_records(toy.project))]
    assert states == ["COMPLETED", "FAILED"]
    assert not any(record.is_open for record in read_records(toy.project))


def test_a_prefect_server_that_does_not_answer_is_said_before_anything_runs(toy: Toy) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    ended = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", "--until", "ingest"],
        cwd=toy.project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: Prefect at http://127.0.0.1:1/api does not answer; start it, or unset")
    assert toy.ran() == []


def _flow_run_state(record: RunRecord) -> str:
    from uuid import UUID

    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(record.flow_run_id)).state
    assert state is not None
    return state.type.value


def test_runs_of_dead_processes_of_this_machine_are_closed_and_no_others(toy: Toy) -> None:
    tracking, here = Tracking(toy.project), platform.node()
    dead, living = "999999999:x:1", str(this_process())
    tags = {
        "dead": {"machine": here, "process": dead},
        "living": {"machine": here, "process": living},
        "elsewhere": {"machine": "another", "process": dead},
        "unmarked": {"machine": here},
    }
    runs = {name: tracking.start(name, values, {}) for name, values in tags.items()}
    assert tracking.close_dead() == 1
    states = {name: tracking.client.get_run(run).info.status for name, run in runs.items()}
    assert states == {"dead": "KILLED", "living": "RUNNING", "elsewhere": "RUNNING", "unmarked": "RUNNING"}


def test_a_run_that_was_forced_and_killed_is_forced_again(toy: Toy, prefect_server: None) -> None:
    run_pipeline(toy.project, toy.config, Asked(until="features"))
    toy.ran()
    (finished,) = read_records(toy.project)
    asked = replace(finished, run_id="0" * 32, force="features", until=None, only="features")
    killed = replace(begin_record(toy.project, asked), process="4194305", ending="running")  # no such process
    write_record(toy.project, killed)
    resume("0" * 32)
    assert toy.ran() == ["features"]
