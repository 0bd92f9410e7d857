"""How a stage ended in a run, wherever it ran."""

import traceback
from dataclasses import dataclass
from typing import Literal

from lamp_core.errors import LampError
from tasks.system.redaction import masked


@dataclass(frozen=True)
class Outcome:
    """How a stage ended in a run.

    Args:
        state: ``done`` when it ran; ``restored`` from DVC's run cache, or found unchanged; ``failed``.
        seconds: from its start to its end, DVC and MLflow included.
        run_id: the MLflow run of the stage's process; None when it did not run.
        error: one line, when it failed.
        log: the end of the stage's log, when it failed by a bug.
        is_bad_request: whether the failure is the user's to mend.
    """

    state: Literal["done", "restored", "failed"]
    seconds: float
    run_id: str | None = None
    error: str = ""
    log: str = ""
    is_bad_request: bool = False

    def __post_init__(self) -> None:
        """Keep secrets out of what is shown, logged and stored of a failure, wherever it comes from."""
        object.__setattr__(self, "error", masked(self.error))
        object.__setattr__(self, "log", masked(self.log))


def outcome_of(error: Exception) -> Outcome:
    """A failure that kept a stage from being carried out, with its traceback where it is a bug."""
    if isinstance(error, LampError):
        return Outcome("failed", 0.0, error=str(error), is_bad_request=True)
    said = f"{type(error).__name__}: {error}"
    return Outcome("failed", 0.0, error=said, log="".join(traceback.format_exception(error)))
