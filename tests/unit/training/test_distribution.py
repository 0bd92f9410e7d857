"""Two processes with half of a batch each train as one with the whole."""

import json
import socket
from pathlib import Path

import pytest
import torch
from torch import nn

from lamp_core.training.distribution import (
    all_reduce_sum,
    alone,
    first_says,
    gather_rows,
    is_first,
    is_shared,
    process_group,
    share,
    shared_mean,
)
from lamp_core.training.loop import fit
from tests.unit.training import jobs
from tests.unit.training.processes import ended_well, start_two

pytestmark = pytest.mark.slow  # each starts processes


def test_two_processes_train_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = start_two("tests.unit.training.jobs", str(tmp_path / "two.json"))
    monkeypatch.setattr(nn.Dropout, "forward", jobs.without_dropout)
    monkeypatch.setattr(fit, "__kwdefaults__", fit.__kwdefaults__ | jobs.EVERY_STEP)
    one = jobs.train_every_model()
    ended_well(processes)
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


def test_one_process_is_a_group_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    group = {"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in group.items():
        monkeypatch.setenv(name, value)
    rows = torch.arange(6.0, requires_grad=True)
    with process_group(jobs.CPU):
        assert not is_shared()
    with process_group(jobs.CPU, even_alone=True):
        assert is_shared() and is_first()
        gathered = gather_rows(rows)
        assert gathered is not rows and torch.equal(gathered, rows)
        gathered.square().sum().backward()
        assert torch.equal(rows.grad, 2 * rows)  # type: ignore[arg-type]
        with alone():
            assert not is_shared()
    assert not is_shared()
