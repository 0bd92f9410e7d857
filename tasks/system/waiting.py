"""How a process waits for what others do: it looks, pauses, and looks again."""

import math
import time
from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LOOKS = 0.2
"""At a file or a process of this machine: soon enough for who waits, and next to no work."""
SECONDS_BETWEEN_CALLS = 2.0
"""To a server, which others ask too."""


def looks(seconds: float = math.inf, between: float = SECONDS_BETWEEN_LOOKS) -> Iterator[None]:
    """One look after another, the first at once, until the time is over; the last is not waited after.

    Args:
        seconds: from the first look on.
        between: two looks, seconds.
    """
    until = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= until:
            return
        time.sleep(between)


def wait_until(
    is_so: Callable[[], bool], seconds: float = math.inf, between: float = SECONDS_BETWEEN_LOOKS
) -> bool:
    """Return true as soon as it is so, and false when it is not within the time; arguments as `looks`."""
    return any(is_so() for _ in looks(seconds, between))
