"""When a run is saved: every so many steps, and when so many seconds have passed.

``LAMP_CHECKPOINT_SECONDS`` (60) is no parameter, since it changes no result: a run goes on from any step to
the same weights.
"""

import os
import time

from lamp_core.errors import LampError
from lamp_core.training.distribution import first_says, is_shared

SECONDS = 60.0
SHARE = 0.05
"""Of the time that saving may take at most, where checkpoints are large."""


class SaveSchedule:
    """Says after which steps a checkpoint is due.

    One process looks at the clock after every step. Several must agree, so the first one's clock decides, and
    is asked for rarely: from the pace so far it says how many steps later it wants to be asked again.

    Args:
        every: steps between two checkpoints at most.
        done: steps that the run begins with.

    Raises:
        LampError: ``LAMP_CHECKPOINT_SECONDS`` is no number of seconds.
    """

    def __init__(self, every: int, done: int = 0) -> None:
        self.every = every
        self.begin(done)

    def is_due(self, done: int) -> bool:
        """Whether the run is saved after ``done`` steps."""
        return done % self.every == 0 or self._is_late(done)

    def begin(self, done: int, saving_seconds: float = 0.0) -> None:
        """Count steps and seconds from here on: a run begins, or was saved, which took so long."""
        self.seconds = max(_wanted_seconds(), saving_seconds / SHARE)
        self._first, self._asked_at = done, done + 1
        self._since = time.monotonic()

    def _is_late(self, done: int) -> bool:
        if done < self._asked_at:
            return False
        steps_left = int(first_says(float(self._steps_left(done - self._first))))
        self._asked_at = done + steps_left
        return steps_left == 0

    def _steps_left(self, steps: int) -> int:
        """Steps until the seconds have passed, if they are as fast as so far; no more than there were."""
        seconds = time.monotonic() - self._since
        if seconds >= self.seconds:
            return 0
        if not is_shared():
            return 1
        return min(steps, max(1, int((self.seconds - seconds) * steps / max(seconds, 1e-9))))


def _wanted_seconds() -> float:
    text = os.environ.get("LAMP_CHECKPOINT_SECONDS") or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise LampError(f"LAMP_CHECKPOINT_SECONDS={text} is no number of seconds from 0")
    return seconds
