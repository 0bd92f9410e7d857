"""A stage that goes on in several processes."""

import os
import sys
from types import SimpleNamespace

import pytest

from lamp_core.errors import LampError
from tasks.stage.launch import go_on_in_several_processes, launch
from tasks.system.orphans import FLOW_PROCESS
from tasks.system.processes import this_process

JOB = {"SLURM_JOB_ID": "41", "SLURM_JOB_NUM_NODES": "2", "SLURMD_NODENAME": "node1"}


def test_a_node_needs_torchrun_alone() -> None:
    command = launch("tasks.stages.t2m", ["--stage", "t2m"], 2, 1, {})
    assert command[1:4] == ["-m", "torch.distributed.run", "--nproc-per-node"]
    assert command[4:] == ["2", "--standalone", "-m", "tasks.stages.t2m", "--stage", "t2m"]


def test_several_nodes_are_those_of_a_job() -> None:
    command = launch("tasks.stages.t2m", [], 4, 2, JOB)
    assert command[:3] == ["srun", "--nodes=2", "--ntasks=2"]
    assert command[command.index("--rdzv-endpoint") + 1] == "node1:20041"
    for job in ({}, {**JOB, "SLURM_JOB_NUM_NODES": "1"}):
        with pytest.raises(LampError, match="2 nodes need a Slurm job that has them"):
            launch("tasks.stages.t2m", [], 4, 2, job)


@pytest.mark.parametrize(
    ("stage", "variables", "several"),
    [
        ("tokenizer", {"LAMP_CARDS": "2"}, True),
        ("tokenizer", {}, False),
        ("tokenizer", {"LAMP_CARDS": "2", "WORLD_SIZE": "2"}, False),
        ("features", {"LAMP_CARDS": "2"}, False),
        ("pretrain", {"LAMP_DEVICE": "cpu"}, True),  # as the parameters of this repository say
        ("pretrain", {"LAMP_DEVICE": "cpu", "WORLD_SIZE": "2"}, False),
    ],
)
def test_what_trains_goes_on_in_several_processes(
    stage: str, variables: dict[str, str], several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", SimpleNamespace(name=f"tasks.stages.{stage}"))
    monkeypatch.setattr("tasks.stage.launch.os.execvp", lambda program, command: commands.append(command))
    monkeypatch.setitem(os.environ, "GLOO_SOCKET_IFNAME", "lo")
    monkeypatch.setenv(FLOW_PROCESS, "")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    go_on_in_several_processes(stage)
    assert [command[4] for command in commands] == (["2"] if several else [])
    watched = os.environ.get(FLOW_PROCESS, "").split(",")  # by what torchrun starts
    assert (str(this_process()) in watched) == several
