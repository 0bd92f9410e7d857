"""A step's operations and bytes are counted, and timed beside what the device can do."""

from pathlib import Path

import pytest
import torch

from benchmarks.card import work
from benchmarks.card.work import CLOCKED_STEPS, COUNTED, Limits, StepClock, Work, WorkCounter

CPU = torch.device("cpu")


def test_operations_and_bytes_of_a_product_are_counted() -> None:
    left, right = torch.ones(4, 6), torch.ones(6, 5)
    counter = WorkCounter()
    counter.begin()
    made = left @ right
    made.T.view(5, 4)
    counted = counter.end()
    assert counted == Work(2 * 4 * 6 * 5, 4 * (4 * 6 + 6 * 5 + 4 * 5))
    assert torch.equal(left @ right, made)  # nothing is counted any more
    assert counter.end() == counted


def test_what_is_repeated_without_being_there_is_counted_once() -> None:
    counter = WorkCounter()
    counter.begin()
    torch.ones(1).expand(100).clone()
    assert counter.end().bytes_moved == 4 + 4 + 400


def test_the_longer_of_arithmetic_and_memory_is_the_least_time() -> None:
    limits = Limits(float32=10, tf32=0, bfloat16=40, memory=100)
    assert limits.seconds(Work(400, 100), is_bfloat16=False) == 40
    assert limits.seconds(Work(400, 100), is_bfloat16=True) == 10
    assert limits.seconds(Work(400, 5000), is_bfloat16=True) == 50


def test_limits_are_measured_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CPU_MATRIX", 64)
    monkeypatch.setattr(work, "CPU_BYTES", 2**16)
    before = torch.backends.cuda.matmul.allow_tf32
    limits = Limits.measured(CPU)
    assert min(limits.float32, limits.bfloat16, limits.memory) > 0
    assert limits.tf32 == 0
    assert torch.backends.cuda.matmul.allow_tf32 == before
    assert Limits.read(tmp_path / "limits.json") is None
    limits.write(tmp_path / "limits.json")
    assert Limits.read(tmp_path / "limits.json") == limits


def test_the_clock_times_some_steps_and_counts_another(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 18.0])
    monkeypatch.setattr(work, "perf_counter", lambda: next(times))
    clock = StepClock(CPU)
    for done in range(1, 101):
        clock(done, 100, "other work")
    assert clock.seconds_a_step is None
    for _ in range(2):  # the second training of a stage is not looked at
        for done in range(1, CLOCKED_STEPS + 1):
            torch.ones(2, 3) @ torch.ones(3, 2)
            clock(done, CLOCKED_STEPS, "")
    assert clock.seconds_a_step == 2.0
    assert clock.work is not None and clock.work.operations == 2 * 2 * 3 * 2
    assert COUNTED < CLOCKED_STEPS
