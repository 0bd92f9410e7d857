"""Waiting in a test for what another process does."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool], seconds: float = 300.0) -> None:
    """Return when it is so; the test fails when it is not within the time."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"it is not so within {seconds:g} s"
        time.sleep(0.05)
