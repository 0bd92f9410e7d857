import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lamp_core.errors import LampError
from tasks.body import Curves, StageContext, main, swap
from tasks.progress import read_progress
from tasks.tracking import Tracking
from tests.toy import Toy

# A stage that trains in as many processes as there are; each leaves a file, the first alone the output.
FITTING_STAGE = """\
from pathlib import Path
from torch import nn
from lamp_core.config.models import Optimisation
from lamp_core.training import BatchSampler, fit
from lamp_core.training.distribution import rank, world_size
from tasks.body import main

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
    assert run.data.metrics == {"loss": 0.5, "features/score": 2.0}
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


def test_the_old_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    old, new = tmp_path / "out", tmp_path / ".new"
    for folder, name in ((old, "a"), (new, "b")):
        folder.mkdir()
        (folder / name).touch()
    swap(new, old)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in old.iterdir()] == ["b"]


def test_curves_of_a_resumed_stage_count_a_step_once(tmp_path: Path) -> None:
    for steps in ([1, 2, 3], [3, 4]):
        curves = Curves(tmp_path / "kept.csv")
        for step in steps:
            curves.add(step, {"loss": step / 10})
    curves.write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text().split() == [
        "step,name,value",
        *(f"{step},loss,{step / 10}" for step in (1, 2, 3, 4)),
    ]


def test_a_stage_s_own_curves_stand(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "kept.csv")
    curves.add(1, {"loss": 1.0})
    (tmp_path / "curves.csv").write_text("its own")
    curves.write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "its own"
