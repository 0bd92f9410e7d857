"""Two processes with half of a batch each train as one with the whole."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from lamp_core.training.distribution import (
    all_reduce_sum,
    first_says,
    gather_rows,
    is_first,
    share,
    shared_mean,
)
from lamp_core.training.loop import fit
from tests.unit.training import jobs

pytestmark = pytest.mark.slow  # each starts processes

REPOSITORY = Path(__file__).parents[3]


def _start_two(out: Path) -> list[subprocess.Popen[str]]:
    """Start the trainings in two processes, with what torchrun tells each of them."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.training.jobs", str(out)],
            cwd=REPOSITORY,
            env={**os.environ, **group, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]


def test_two_processes_train_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = _start_two(tmp_path / "two.json")
    monkeypatch.setattr(nn.Dropout, "forward", jobs.without_dropout)
    monkeypatch.setattr(fit, "__kwdefaults__", fit.__kwdefaults__ | jobs.EVERY_STEP)
    one = jobs.train_every_model()
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    curves = json.loads((tmp_path / "two.json").read_text())
    assert list(curves) == list(one)
    for name, curve in one.items():
        assert len(curve) >= jobs.STEPS.steps
        for (step, expected), (_, found) in zip(curve, curves[name], strict=True):
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), (name, step)


def test_one_process_speaks_with_itself() -> None:
    rows = torch.arange(6.0)
    assert is_first()
    assert torch.equal(share(rows), rows)
    assert gather_rows(rows) is rows
    assert all_reduce_sum(rows) is rows
    assert first_says(0.25) == 0.25
    assert float(shared_mean(rows.sum(), torch.tensor(6))) == 2.5
    assert float(shared_mean(rows[:0].sum(), torch.tensor(0))) == 0.0
