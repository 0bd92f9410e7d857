"""What a stage costs its machine is sampled by MLflow's collectors, in a stage of any length."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.mlflow import system_metrics
from tasks.mlflow.system_metrics import Sampler, first_start, sampled

Samples = list[tuple[int, Mapping[str, float]]]


def collect(memory: Path, seconds: float) -> Samples:
    samples: Samples = []
    since = first_start(memory / "started")
    with sampled(lambda step, numbers: samples.append((step, numbers)), os.getpid(), since):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            sum(range(1000))
    return samples


def test_even_a_short_stage_has_a_sample_of_its_machine(tmp_path: Path) -> None:
    (_, sample), *_ = collect(tmp_path, 0.15)
    assert {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/disk_usage_percentage",
        "system/process_cpu_percentage",
    } <= set(sample)
    assert 0 < sample["system/system_memory_usage_percentage"] <= 100
    assert sample["system/process_memory_usage_megabytes"] > 10


def test_a_resumed_stage_goes_on_after_the_steps_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_metrics, "SECONDS_OF_FIRST_SAMPLE", 0.02)
    monkeypatch.setattr(system_metrics, "SECONDS_BETWEEN_SAMPLES", 0.02)
    first = [step for step, _ in collect(tmp_path, 0.3)]
    assert len(first) > 1
    assert first == sorted(set(first))
    (tmp_path / "started").write_text(repr(time.time() - 100))  # a hundred seconds later
    assert collect(tmp_path, 0.0)[0][0] == 100


def test_of_a_process_that_is_gone_the_machine_is_sampled() -> None:
    sampler = Sampler()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    sampler.watch(child.pid, time.time() - 5)
    step, sample = sampler.sample()
    assert step == 5
    assert "system/process_cpu_percentage" not in sample
    assert sample["system/system_memory_usage_megabytes"] > 0


def fake_driver(monkeypatch: pytest.MonkeyPatch, **broken: Callable[..., Any]) -> None:
    """Put NVIDIA's library with one card in the place of the own one, some of its calls broken."""
    from mlflow.system_metrics.metrics import gpu_monitor

    calls: dict[str, Callable[..., Any]] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda card: SimpleNamespace(used=1e9, total=4e9),
        "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=97),
        "nvmlDeviceGetPowerUsage": lambda card: 312_500,
        "nvmlDeviceGetEnforcedPowerLimit": lambda card: 625_000,
    }
    driver = SimpleNamespace(NVMLError=DriverFault, **{**calls, **broken})
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setattr(gpu_monitor, "pynvml", driver, raising=False)


class DriverFault(Exception):
    """As the library's own, no error of the machine or of a value."""


def test_a_card_is_measured_where_its_driver_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_driver(monkeypatch)
    (_, sample), *_ = collect(tmp_path, 0.0)
    assert sample["system/gpu_0_utilization_percentage"] == 97
    assert sample["system/gpu_0_memory_usage_megabytes"] == 1000
    assert sample["system/gpu_0_power_usage_watts"] == 312.5


def test_what_a_card_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(card: int) -> None:
        raise DriverFault("not supported")

    fake_driver(monkeypatch, nvmlDeviceGetUtilizationRates=refuse, nvmlDeviceGetPowerUsage=refuse)
    _, sample = Sampler().sample()
    assert {name for name in sample if "gpu" in name} == {
        "system/gpu_0_memory_usage_megabytes",
        "system/gpu_0_memory_usage_percentage",
    }


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_a_failing_driver_is_asked_once_and_the_machine_is_sampled(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(*arguments: int) -> None:
        asked.append(arguments)
        raise DriverFault("the card is lost")

    fake_driver(monkeypatch, **{call: fail})
    sampler = Sampler()
    for _ in range(2):
        _, sample = sampler.sample()
        assert sample["system/system_memory_usage_megabytes"] > 0
        assert not any("gpu" in name for name in sample)
    assert len(asked) == 1
