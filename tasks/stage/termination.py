"""A stage's process that is told to end saves what it trains, if that is quick, and closes what it opened."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lamp_core.training import signals

SECONDS_TO_SAVE = 8.0
"""A training that was told to end has this long for its present step and a checkpoint."""


class Killed(BaseException):
    """The process was told to end."""


@contextmanager
def terminable() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGUSR1 (Slurm's warning before a limit) into `Killed`, so that the
    stage closes what it opened.

    A training saves itself first, if its present step ends in time.
    """
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    patience = threading.Timer(SECONDS_TO_SAVE, os.kill, (os.getpid(), signal.SIGTERM))
    patience.daemon = True
    until = math.inf

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal until
        is_first, is_too_late = until == math.inf, time.monotonic() >= until
        until = min(until, time.monotonic() + SECONDS_TO_SAVE)
        if is_first and signals.ask(Killed()):
            patience.start()
        elif is_first or (is_too_late and signals.is_pending()):
            raise Killed

    before = {each: signal.signal(each, stop) for each in ending}
    try:
        yield
    finally:
        patience.cancel()
        for each, handler in before.items():
            signal.signal(each, handler)
