"""When a run is saved beside its regular steps: by the clock."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training import save_schedule
from lamp_core.training.loop import fit
from lamp_core.training.save_schedule import SaveSchedule


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(save_schedule.time, "monotonic", lambda: now[0])
    monkeypatch.delenv("LAMP_CHECKPOINT_SECONDS", raising=False)
    return now


def _due(schedule: SaveSchedule, clock: list[float], seconds: list[float], done: int = 0) -> list[int]:
    """Steps after which a run of steps of so many seconds each is saved."""
    due = []
    for step, duration in enumerate(seconds, start=done + 1):
        clock[0] += duration
        if schedule.is_due(step):
            due.append(step)
            schedule.begin(step)
    return due


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([1.0] * 200, [60, 120, 180]),
        ([25.0] * 9, [3, 6, 9]),
        ([100.0] * 3, [1, 2, 3]),
        ([50.0] + [1.0] * 30, [11]),
    ],
    ids=["even", "long", "longer-than-a-minute", "slow-start"],
)
def test_a_checkpoint_is_due_when_a_minute_has_passed(
    seconds: list[float],
    expected: list[int],
    shared: bool,
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(save_schedule, "is_shared", lambda: shared)
    assert _due(SaveSchedule(1000), clock, seconds) == expected


def test_several_processes_seldom_ask_each_other_what_time_it_is(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(save_schedule, "is_shared", lambda: True)
    monkeypatch.setattr(save_schedule, "first_says", lambda value: asked.append(value) or value)
    assert _due(SaveSchedule(10**6), clock, [1 / 128] * 8000)[0] == 7680
    assert len(asked) < 40


def test_steps_that_become_slower_are_saved_in_time(clock: list[float]) -> None:
    steps = _due(SaveSchedule(10**6), clock, [0.001] * 1000 + [1.0] * 2000)
    assert steps[0] == 1059
    assert max(after - before for before, after in itertools.pairwise(steps)) <= 60


def test_regular_checkpoints_stay_and_begin_the_count_anew(clock: list[float]) -> None:
    assert _due(SaveSchedule(50), clock, [1.0] * 130) == [50, 100]
    assert _due(SaveSchedule(50, done=130), clock, [1.0] * 75, done=130) == [150, 200]


def test_saving_takes_no_more_than_a_twentieth_of_the_time(clock: list[float]) -> None:
    due = SaveSchedule(10**6)
    due.begin(0, saving_seconds=12.0)
    assert _due(due, clock, [1.0] * 300)[0] == 240


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_pause_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_CHECKPOINT_SECONDS", text)
    with pytest.raises(LampError, match=f"LAMP_CHECKPOINT_SECONDS={text} is no number of seconds"):
        SaveSchedule(10)


def _fit(settings: Optimisation, folder: Path) -> nn.Module:
    """Return a net with dropout, trained."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    fit(net, lambda _: {"loss": (net(torch.randn(6, 3)) - 1).square().mean()}, settings, checkpoints=folder)
    return net


def test_checkpoints_by_the_clock_change_no_result(
    few_steps: Optimisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = few_steps.model_copy(update={"checkpoint_every": 1000, "ema_decay": 0.9})
    whole = _fit(settings, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    monkeypatch.setenv("LAMP_CHECKPOINT_SECONDS", "0")
    monkeypatch.setattr(save_schedule, "SHARE", 1e9)
    saved = _fit(settings, tmp_path / "each")
    assert [path.stem for path in sorted((tmp_path / "each").glob("*.json"))] == [
        "step-000010",
        "step-000011",
    ]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, saved.state_dict()[name]), name
