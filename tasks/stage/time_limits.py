"""How long a stage may run: ``LAMP_TIMEOUT_STAGE`` for one, ``LAMP_STAGE_TIMEOUT`` for every other."""

import os
import re
from dataclasses import dataclass

from lamp_core.errors import LampError

EVERY_STAGE = "LAMP_STAGE_TIMEOUT"
SECONDS_OF = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


@dataclass(frozen=True)
class TimeLimit:
    """The time that a stage may take.

    Args:
        seconds: of it.
        text: as the user has written it.
        variable: that says so.
    """

    seconds: float
    text: str
    variable: str


def time_limit(stage: str) -> TimeLimit | None:
    """The time limit of a stage; None without one.

    Raises:
        LampError: a variable does not hold a time.
    """
    for variable in (f"LAMP_TIMEOUT_{stage.upper()}", EVERY_STAGE):
        text = os.environ.get(variable, "").strip()
        if text:
            return TimeLimit(_seconds(variable, text), text, variable)
    return None


def _seconds(variable: str, text: str) -> float:
    found = FORM.fullmatch(text.lower())
    seconds = float(found[1]) * SECONDS_OF[found[2]] if found and found[2] in SECONDS_OF else 0.0
    if seconds <= 0:
        raise LampError(f"{variable}={text} is no time; write 90s, 15min, 2h or 1d")
    return seconds
