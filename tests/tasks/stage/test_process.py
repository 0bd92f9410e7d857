import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.loop import fit
from tasks.dvc.versions import StageLate
from tasks.mlflow.tracking import Tracking
from tasks.stage import curves, process, termination
from tasks.stage.memory import StageMemory, has_checkpoint
from tasks.stage.process import StageContext, main
from tasks.stage.progress import read_progress
from tasks.stage.time_limits import TimeLimit
from tests.toy import Toy

FEW = Optimisation(steps=12, batch_size=1, learning_rate=0.1, warmup_steps=0, checkpoint_every=5)

# A stage that trains in as many processes as there are; each leaves a file, the first alone the output.
FITTING_STAGE = """\
from pathlib import Path
from torch import nn
from lamp_core.config.models import Optimisation
from lamp_core.training.distribution import rank, world_size
from lamp_core.training.loop import fit
from lamp_core.training.batches import BatchSampler
from tasks.stage.process import main

def run(stage):
    net = nn.Linear(1, 1)
    settings = Optimisation(steps=40, batch_size=8, learning_rate=0.1, warmup_steps=0, checkpoint_every=15)
    sampler = BatchSampler.of(30, settings)
    Path(f"process-{rank()}").write_text(f"{len(sampler.indices(0))} items")
    fit(
        net,
        lambda step: {"loss": (net.weight - 5).square().mean()},
        settings,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    kept = sorted(path.name for path in stage.checkpoints.glob("*.json"))
    together = world_size()
    stage.end_helpers()
    (stage.output / "out").write_text(f"{together} trained, {world_size()} writes, {kept}")
    return {"weight": float(net.weight)}

main("features", run)
"""


def run_stage(function: Callable[[StageContext], Mapping[str, float]]) -> int:
    """Run ``features`` in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main("features", function)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def write_old_output(toy: Toy) -> None:
    toy.project.output("features").mkdir(parents=True)
    (toy.project.output("features") / "out").write_text("old")


def test_output_metrics_and_curves_are_put_into_place(toy: Toy) -> None:
    def work(stage: StageContext) -> dict[str, float]:
        (stage.output / "out").write_text("new")
        stage.on_log(1, {"loss": 0.5})
        stage.on_progress(1, 1, "loss 0.5")
        return {"score": 2, "undefined": float("nan")}

    write_old_output(toy)
    assert run_stage(work) == 0
    output = toy.project.output("features")
    assert (output / "out").read_text() == "new"
    assert (output / "curves.csv").read_text() == "step,name,value\n1,loss,0.5\n"
    assert json.loads(toy.project.metrics_file("features").read_text()) == {"score": 2.0, "undefined": None}
    assert [path.name for path in toy.project.data.iterdir() if path.name.startswith(".")] == []
    progress = read_progress(toy.project.progress_file("features"))
    assert progress is not None
    assert progress.state == "done"
    assert progress.run_id is not None
    run = Tracking(toy.project).client.get_run(progress.run_id)
    assert run.info.status == "FINISHED"
    own = {name: value for name, value in run.data.metrics.items() if not name.startswith("system/")}
    assert own == {"loss": 0.5, "features/score": 2.0}
    assert set(run.data.metrics) > set(own)
    assert run.data.params["features.std_root_divisor"] == "5.0"
    assert run.data.tags["stage"] == "features"


@pytest.mark.parametrize(("error", "status"), [(LampError("bad data"), 2), (ValueError("a bug"), 1)])
def test_a_stage_that_fails_leaves_the_old_output(
    error: Exception, status: int, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(stage: StageContext) -> dict[str, float]:
        (stage.output / "out").write_text("half")
        raise error

    write_old_output(toy)
    assert run_stage(work) == status
    assert (toy.project.output("features") / "out").read_text() == "old"
    assert not toy.project.metrics_file("features").exists()
    progress = read_progress(toy.project.progress_file("features"))
    assert progress is not None
    assert (progress.state, progress.is_bad_request) == ("failed", status == 2)
    assert str(error) in progress.error
    assert ("Traceback" in capsys.readouterr().err) == (status == 1)
    assert progress.run_id is not None
    assert Tracking(toy.project).client.get_run(progress.run_id).info.status == "FAILED"


def test_a_terminated_stage_is_killed_and_goes_on_with_its_run(toy: Toy) -> None:
    def interrupted(stage: StageContext) -> dict[str, float]:
        stage.checkpoints.mkdir(parents=True)
        (stage.checkpoints / "last").write_text("7")
        stage.on_log(1, {"loss": 1.0})
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        return {}

    def resumed(stage: StageContext) -> dict[str, float]:
        assert (stage.checkpoints / "last").read_text() == "7"
        stage.on_log(1, {"loss": 1.0})
        stage.on_log(2, {"loss": 0.5})
        return {}

    assert run_stage(interrupted) == 130
    first = read_progress(toy.project.progress_file("features"))
    assert first is not None
    assert first.state == "killed"
    assert run_stage(resumed) == 0
    second = read_progress(toy.project.progress_file("features"))
    assert second is not None
    assert second.run_id == first.run_id is not None
    client = Tracking(toy.project).client
    assert [metric.step for metric in client.get_metric_history(second.run_id, "loss")] == [1, 2]
    assert client.get_run(second.run_id).info.status == "FINISHED"
    assert not any(toy.project.checkpoint_folder("features").iterdir())


def test_a_process_killed_in_mid_run_leaves_the_old_output_and_resumes(toy: Toy) -> None:
    for name in ("ingest", "features"):
        toy.versions.reproduce(name)
    toy.set("features.std_root_divisor=25")
    toy.train_features("slow")
    command = [sys.executable, "training.py", "slow"]
    process = subprocess.Popen(command, cwd=toy.project.root, env={**os.environ, "LAMP_THREADS": "1"})
    while (found := read_progress(toy.project.progress_file("features"))) is None or found.done < 5:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert "std_root_divisor: 5" in (toy.project.output("features") / "out").read_text()
    toy.versions.reproduce("features")
    assert (toy.project.output("features") / "out").read_text() == "25.0"
    assert json.loads(toy.project.metrics_file("features").read_text())["first_step"] >= 5
    rows = (toy.project.output("features") / "curves.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [str(step) for step in range(1, 41)]


def test_under_torchrun_the_first_process_alone_writes(toy: Toy) -> None:
    (toy.project.root / "fitting.py").write_text(FITTING_STAGE)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "fitting.py"]
    ended = subprocess.run(
        [sys.executable, "-m", *launcher], cwd=toy.project.root, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert [(toy.project.root / f"process-{rank}").read_text() for rank in range(2)] == ["4 items"] * 2
    kept = ["step-000015.json", "step-000030.json"]
    assert (toy.project.output("features") / "out").read_text() == f"2 trained, 1 writes, {kept}"
    curves = (toy.project.output("features") / "curves.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in curves[1:]] == [
        [step, name] for step in ("20", "40") for name in ("loss", "learning_rate")
    ]
    progress = read_progress(toy.project.progress_file("features"))
    assert progress is not None
    assert (progress.state, progress.done, progress.total) == ("done", 40, 40)
    tracking = Tracking(toy.project)
    (run,) = tracking.named("features")
    assert run.info.status == "FINISHED"
    assert not any(toy.project.checkpoint_folder("features").iterdir())
    assert [path.name for path in toy.project.data.iterdir() if path.name.startswith(".")] == []


def test_a_training_that_is_terminated_saves_its_step(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    def train(stage: StageContext, told_at: int | None) -> dict[str, float]:
        net, steps = nn.Linear(1, 1), []

        def losses(step: int) -> dict[str, torch.Tensor]:
            steps.append(step)
            if step == told_at:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGINT)  # of a terminal, which tells every process
            return {"loss": (net.weight - 5).square().mean()}

        fit(net, losses, FEW, checkpoints=stage.checkpoints, on_log=stage.on_log, log_every=2)
        (stage.output / "out").write_text(f"{net.weight.item():.9f} {steps[0]}")
        return {}

    assert run_stage(partial(train, told_at=None)) == 0
    whole = (toy.project.output("features") / "out").read_text().split()[0]
    curves = (toy.project.output("features") / "curves.csv").read_bytes()
    assert run_stage(partial(train, told_at=7)) == 130
    assert run_stage(partial(train, told_at=None)) == 0
    assert (toy.project.output("features") / "out").read_text() == f"{whole} 8"
    assert (toy.project.output("features") / "curves.csv").read_bytes() == curves
    assert capsys.readouterr().err.count("interrupted; its checkpoints are kept") == 1


def test_a_step_that_takes_too_long_is_not_waited_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(stage: StageContext) -> dict[str, float]:
        net = nn.Linear(1, 1)

        def losses(step: int) -> dict[str, torch.Tensor]:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
            return {"loss": net.weight.sum()}

        fit(net, losses, FEW, checkpoints=stage.checkpoints)
        return {}

    monkeypatch.setattr(termination, "SECONDS_TO_SAVE", 0.1)
    began = time.monotonic()
    assert run_stage(train) == 130
    assert time.monotonic() - began < 30
    assert not list(toy.project.checkpoint_folder("features").glob("*/training/*"))


def test_a_damaged_checkpoint_is_told_in_the_log(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    def train(stage: StageContext, fails: bool) -> dict[str, float]:
        net = nn.Linear(1, 1)
        fit(net, lambda step: {"loss": net.weight.sum()}, FEW, checkpoints=stage.checkpoints)
        if fails:
            raise LampError("no")
        return {}

    assert run_stage(partial(train, fails=True)) == 2
    (newest,) = toy.project.checkpoint_folder("features").glob("*/training/step-000010.safetensors")
    newest.write_bytes(newest.read_bytes()[:-1])
    capsys.readouterr()
    assert run_stage(partial(train, fails=False)) == 0
    told = "checkpoint step-000010 is damaged (step-000010.safetensors is not what was written)"
    assert f"features: warning: {told}; going on from the one before\n" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["output", "curves", "progress", "metrics"])
def test_a_full_disk_fails_the_stage_with_the_bytes_it_needs(
    where: str, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def fail(*arguments: object, **more: object) -> None:
        raise full

    def work(stage: StageContext) -> dict[str, float]:
        (stage.output / "out").write_text("half")
        if where == "output":
            raise full
        patch = {
            "curves": (curves.os, "fsync", fail),
            "progress": (process.ProgressWriter, "_note", fail),
            "metrics": (process, "sync", fail),
        }
        broken.setattr(*patch[where])
        stage.on_log(1, {"loss": 0.5})
        stage.on_progress(1, 1, "")
        return {"score": 1.0}

    write_old_output(toy)
    with pytest.MonkeyPatch.context() as broken:  # the present folder stays that of the toy
        assert run_stage(work) == 2
    said = capsys.readouterr().err
    needed = {"output": "at least 4", "curves": "11", "progress": "at least 4", "metrics": "19"}
    assert f"it needs {needed[where]} bytes, " in said
    assert "Traceback" not in said
    assert (toy.project.output("features") / "out").read_text() == "old"
    assert [path.name for path in toy.project.data.iterdir() if path.name.startswith(".")] == []
    assert toy.project.checkpoint_folder("features").exists()
    assert run_stage(lambda stage: {}) == 0


def test_a_stage_that_ended_is_not_run_again_when_its_flow_was_killed_then(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []

    def work(stage: StageContext) -> dict[str, float]:
        runs.append(stage.name)
        (stage.output / "out").write_text(f"run {len(runs)}")
        return {"score": 1.0}

    monkeypatch.setenv("LAMP_KEEP_CHECKPOINTS", "1")
    assert run_stage(work) == 0
    first = read_progress(toy.project.progress_file("features"))
    toy.project.metrics_file("features").unlink()
    assert run_stage(work) == 0
    second = read_progress(toy.project.progress_file("features"))
    assert runs == ["features"]
    assert first is not None
    assert second is not None
    assert second.run_id == first.run_id is not None
    assert json.loads(toy.project.metrics_file("features").read_text()) == {"score": 1.0}
    assert "nothing to compute" in capsys.readouterr().err
    (toy.project.output("features") / "out").write_text("changed by hand")
    assert run_stage(work) == 0
    assert (toy.project.output("features") / "out").read_text() == "run 2"


def test_dvc_s_note_of_a_stage_ends_its_memory(toy: Toy) -> None:
    toy.versions.reproduce("ingest")
    toy.train_features()
    toy.versions.reproduce("features")
    folder = toy.project.checkpoint_folder("features")
    assert not any(folder.iterdir())
    assert json.loads(toy.project.metrics_file("features").read_text()) == {"first_step": 0.0}
    StageMemory(folder / "killed-after-its-end").note_end(toy.project.output("features"), {})
    StageMemory(folder / "killed").training.mkdir(parents=True)
    toy.versions.reproduce("features", force=True)
    assert [path.name for path in folder.iterdir()] == ["killed"]


def test_it_is_known_whether_a_stage_would_go_on_from_a_checkpoint(toy: Toy) -> None:
    toy.versions.reproduce("ingest")

    def fails(stage: StageContext) -> dict[str, float]:
        stage.checkpoints.mkdir(parents=True)
        (stage.checkpoints / "last").write_text("7")
        raise LampError("no")

    assert not has_checkpoint(toy.project, toy.graph["features"])
    assert run_stage(fails) == 2
    assert has_checkpoint(toy.project, toy.graph["features"])
    toy.set("features.std_root_divisor=25")
    assert not has_checkpoint(toy.project, toy.graph["features"])
    limit = TimeLimit(10.0, "10s", "LAMP_STAGE_TIMEOUT")
    assert "its checkpoint is kept" in str(StageLate(limit, has_checkpoint=True))
    assert "it had no checkpoint yet" in str(StageLate(limit, has_checkpoint=False))
