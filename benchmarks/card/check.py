"""A check, the form in which it is made, and its verdict."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

import torch

State = Literal["passed", "failed", "skipped"]


class Failed(Exception):
    """A check found what must not be; the message says it in one line."""


class Skipped(Exception):
    """A check cannot be made here; the message says why in one line."""


@dataclass(frozen=True)
class Form:
    """How the checks are made.

    Args:
        device_name: ``cuda`` or ``cpu``; on the CPU all checks are dry.
        folder: what they leave for each other: data, models, the card's limits.
    """

    device_name: str
    folder: Path

    @property
    def device(self) -> torch.device:
        """Where what is checked computes."""
        return torch.device(self.device_name)

    @property
    def is_dry(self) -> bool:
        """Whether there is no card, and the CPU stands in for it."""
        return self.device.type == "cpu"


@dataclass(frozen=True)
class Finding:
    """What a check that passed found.

    Args:
        said: in one line.
        numbers: what was measured, by names with their units.
    """

    said: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A check.

    Args:
        name: of it; no two have the same.
        run: makes it; raises `Failed`, `Skipped`, or whatever else goes wrong.
        dry: what is different of it on the CPU.
    """

    name: str
    run: Callable[[Form], Finding]
    dry: str


@dataclass(frozen=True)
class Verdict:
    """How a check ended.

    Args:
        check: its name.
        state: passed, failed or skipped.
        said: what was found, or the reason, in one line.
        seconds: that it took.
        numbers: what was measured.
        dry: what was different of it, being dry; empty on a card.
    """

    check: str
    state: State
    said: str
    seconds: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)
    dry: str = ""

    @property
    def line(self) -> str:
        """The verdict for people."""
        dry = f" (dry: {self.dry})" if self.dry else ""
        return f"{self.state:7}  {self.check}: {self.said}{dry}  {self.seconds:.1f} s"


def judge(check: Check, form: Form) -> Verdict:
    """Make a check and say how it ended; the trace of an error goes to the log."""
    began = monotonic()
    dry = check.dry if form.is_dry else ""
    numbers: Mapping[str, float] = {}
    state: State = "failed"
    try:
        found = check.run(form)
    except Skipped as reason:
        state, said, dry = "skipped", str(reason), ""
    except Failed as reason:
        said = str(reason)
    except Exception as error:
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
    else:
        state, said, numbers = "passed", found.said, found.numbers
    return Verdict(check.name, state, _one_line(said), monotonic() - began, numbers, dry)


def _one_line(text: str, longest: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
