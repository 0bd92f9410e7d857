"""Waiting by looks: the first at once, the last when the time is over."""

import time

import pytest

from tasks.system.waiting import looks, wait_until


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, in place of sleeping; the clock goes by it."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(found))
    return found


def test_the_first_look_is_at_once_and_none_follows_the_time(slept: list[float]) -> None:
    assert len(list(looks(1.0, 0.5))) == 3
    assert slept == [0.5, 0.5]
    assert len(list(looks(0.0))) == 1


def test_what_is_so_ends_the_waiting(slept: list[float]) -> None:
    answers = iter([False, False, True, False])
    assert wait_until(lambda: next(answers), between=0.25)
    assert slept == [0.25, 0.25]
    assert not wait_until(lambda: False, 1.0, 0.5)
    assert sum(slept) == 1.5
