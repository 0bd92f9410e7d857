"""The clock of what steps wait for: nothing aside counts."""

import pytest

from lamp_core.training import waiting
from lamp_core.training.waiting import Waiting


def test_the_share_is_of_the_steps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(waiting, "perf_counter", lambda: now[0])
    clock = Waiting()
    assert clock.share == 0.0
    now[0] += 5  # before the first step
    for _ in range(2):
        with clock.for_items():
            now[0] += 1
        now[0] += 7
    with clock.aside():
        now[0] += 50
    assert clock.seconds == 2 and clock.step_seconds == 16
    assert clock.share == pytest.approx(2 / 16)


def test_what_comes_behind_the_end_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(waiting, "perf_counter", lambda: now[0])
    clock = Waiting()
    with clock.for_items():
        now[0] += 1
    now[0] += 3
    clock.end()
    now[0] += 50  # a folder is written
    with clock.aside():
        now[0] += 7
    clock.end()
    assert clock.seconds == 1 and clock.step_seconds == 4 and clock.share == 0.25
