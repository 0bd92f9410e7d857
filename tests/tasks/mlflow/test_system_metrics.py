import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.mlflow import system_metrics
from tasks.mlflow.system_metrics import card_metrics, sampled

Samples = list[tuple[int, Mapping[str, float]]]


def collect(memory: Path, seconds: float) -> Samples:
    samples: Samples = []
    with sampled(lambda step, numbers: samples.append((step, numbers)), memory / "started"):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            sum(range(1000))
    return samples


def test_even_a_short_stage_has_a_sample_of_its_machine(tmp_path: Path) -> None:
    ((_, sample),) = collect(tmp_path, 0.15)
    assert {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/process_memory_usage_megabytes",
    } <= set(sample)
    assert sample["system/process_cpu_percentage"] > 10
    assert 0 < sample["system/system_memory_usage_percentage"] <= 100
    assert sample["system/process_memory_usage_megabytes"] > 10


def test_a_resumed_stage_goes_on_after_the_steps_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_metrics, "SECONDS_OF_FIRST_SAMPLE", 0.02)
    monkeypatch.setattr(system_metrics, "SECONDS_BETWEEN_SAMPLES", 0.02)
    first = [step for step, _ in collect(tmp_path, 0.1)]
    assert first == sorted(set(first))
    (tmp_path / "started").write_text(repr(time.time() - 100))  # a hundred seconds later
    assert [step for step, _ in collect(tmp_path, 0.0)] == [100]


def test_cards_are_read_and_what_they_lack_is_left_out() -> None:
    assert card_metrics("0, 97, 1000, 4000, 312.50\n1, [N/A], 0, 4000, [N/A]\nno devices\n") == {
        "gpu_0_utilization_percentage": 97.0,
        "gpu_0_memory_usage_megabytes": pytest.approx(1048.576),
        "gpu_0_memory_usage_percentage": 25.0,
        "gpu_0_power_usage_watts": 312.5,
        "gpu_1_memory_usage_megabytes": 0.0,
        "gpu_1_memory_usage_percentage": 0.0,
    }


def test_a_failing_driver_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(system_metrics, "SECONDS_OF_FIRST_SAMPLE", 0.02)
    monkeypatch.setattr(system_metrics, "SECONDS_BETWEEN_SAMPLES", 0.02)
    assert len(collect(tmp_path / "memory", 0.2)) > 1
    assert (tmp_path / "asked").read_text().split() == ["asked"]
