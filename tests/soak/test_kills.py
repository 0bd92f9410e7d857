"""Every trained stage is killed at seeded random moments and ends with the files of an uninterrupted run."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lamp_core.config import load_params, override, save_params
from tests.soak.conftest import Prepared
from tests.soak.kills import Reference, Victim, kill_often, trained_stages
from tests.workspace import REPOSITORY

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

STAGES = trained_stages(REPOSITORY)
SEEDS = range(int(os.environ.get("LAMP_SOAK_SEEDS") or 2))
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_ends_with_the_files_of_an_uninterrupted_run(
    stage: str, seed: int, prepared: Prepared
) -> None:
    kill_often(Victim(prepared.project, stage), prepared.references[stage], seed)


def test_a_terminated_stage_saves_itself_and_goes_on_from_there(prepared: Prepared) -> None:
    victim, reference = Victim(prepared.project, "tokenizer"), prepared.references["tokenizer"]
    victim.forget_output()
    process = victim.start()
    pid = wait_for_step(victim, process, 13)
    os.kill(pid, signal.SIGTERM)
    assert process.wait(timeout=60) == 130, victim.said()
    (folder,) = prepared.project.checkpoint_folder("tokenizer").iterdir()
    saved = max(int(path.stem[5:]) for path in (folder / "training").glob("step-*.json"))
    assert saved >= 13
    victim.end(victim.start())
    assert progress_of(victim)["first_done"] == saved + 1
    victim.check_ended(reference)


def test_two_processes_of_torchrun_that_are_killed_end_with_the_same_files(
    prepared: Prepared, tmp_path: Path
) -> None:
    victim = Victim(prepared.project, "pretrain")
    alone = shutil.copytree(prepared.project.output("pretrain"), tmp_path / "alone")
    launch = (*TORCHRUN, "tasks.stages.pretrain")
    victim.end(victim.start(*launch))
    together = Reference(victim.files(), 0.0, 0)
    victim.forget_output()
    process = victim.start(*launch)
    wait_for_step(victim, process, 7)
    os.kill(random.Random(0).choice(children_of(process.pid)), signal.SIGKILL)  # the launcher ends the other
    assert process.wait(timeout=120) != 0
    victim.check_killed(together)
    process = victim.start(*launch)
    wait_for_step(victim, process, 12)
    kill_all(process, *children_of(process.pid))
    victim.check_killed(together)
    victim.end(victim.start(*launch))
    victim.check_ended(together)
    shutil.rmtree(prepared.project.output("pretrain"))
    shutil.move(alone, prepared.project.output("pretrain"))


@pytest.mark.parametrize(("dies", "steps"), [("all", 60), ("flow", 61), ("stage", 62)])
def test_a_killed_flow_goes_on_with_the_stage_it_ran(dies: str, steps: int, prepared: Prepared) -> None:
    project, victim = prepared.project, Victim(prepared.project, "tokenizer")
    save_params(
        override(load_params(project.params_file), [f"tokenizer.training.steps={steps}"]), project.params_file
    )
    reference = victim.uninterrupted()
    victim.forget_output()
    ignored = (project.root / ".gitignore").read_bytes()
    run = ("-m", "flows.cli", "run", "--only", "tokenizer")
    flow = victim.start(*run)
    pid = wait_for_step(victim, flow, 25)
    if dies == "all":
        kill_all(flow, pid)
    else:
        os.kill(flow.pid if dies == "flow" else pid, signal.SIGKILL)
    assert flow.wait(timeout=120) != 0
    victim.end(victim.start(*run))
    assert progress_of(victim)["first_done"] > 10, "it started from the beginning"
    victim.check_ended(reference)
    assert (project.root / ".gitignore").read_bytes() == ignored


def kill_all(leader: "subprocess.Popen[bytes]", *others: int) -> None:
    """Kill a process and others, each with its group, which may be the leader's."""
    for group in {leader.pid, *(os.getpgid(pid) for pid in others)}:
        os.killpg(group, signal.SIGKILL)
    leader.wait(timeout=60)


def wait_for_step(victim: Victim, process: "subprocess.Popen[bytes]", step: int) -> int:
    """Wait until the stage has done so many steps; return its process."""
    began = time.time()
    while process.poll() is None:
        progress = progress_of(victim)
        if progress["started"] > began - 1 and progress["done"] >= step and progress["state"] == "running":
            return int(progress["pid"])
        time.sleep(0.01)
    raise AssertionError(victim.said())


def progress_of(victim: Victim) -> dict[str, int | float | str]:
    file = victim.project.progress_file(victim.name)
    return json.loads(file.read_text()) if file.exists() else {"started": 0}


def children_of(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line) for line in found.stdout.split()]
