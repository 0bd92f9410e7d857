"""A stage that was handed to the workers, and what the state of its flow run says."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from flows.workers.request import StageReport, StageRequest
from tasks.stage.progress import Progress

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


@dataclass
class Submitted:
    """A stage on a worker, or on its way to one.

    Args:
        request: what was asked.
        key: of the request; None when it is to run whatever ran before.
        run: the flow run.
        pool: where it runs.
        attempt: of this key, the first is 0.
        submissions: since the stage last got further.
        furthest: units done, as a worker has told.
        report: the newest one.
        heard: when it came, seconds of the monotonic clock.
        taken: whether a worker has taken it.
        waits: what it waits for, in words.
        began: when it was first submitted, seconds of the monotonic clock.
        is_over: whether it has ended.
    """

    request: StageRequest
    key: str | None
    run: UUID | None = None
    pool: str = ""
    attempt: int = 0
    submissions: int = 1
    furthest: int = 0
    report: StageReport | None = None
    heard: float = field(default_factory=time.monotonic)
    taken: bool = False
    waits: str = ""
    began: float = field(default_factory=time.monotonic)
    is_over: bool = False

    @property
    def progress(self) -> Progress | None:
        """How far the worker has told that the stage is."""
        return self.report.progress if self.report is not None else None


def is_final(run: "FlowRun") -> bool:
    """Whether nothing more comes of the flow run."""
    return run.state is not None and run.state.is_final()


def is_lost(run: "FlowRun", *, for_us: bool) -> bool:
    """Whether the stage is to be submitted again: its worker crashed, or others cancelled their run."""
    return run.state is not None and (run.state.is_crashed() or (run.state.is_cancelled() and not for_us))


def is_cancelling(run: "FlowRun") -> bool:
    """Whether the flow run is told to end."""
    return run.state is not None and run.state.is_cancelling()


def ended_badly(run: "FlowRun") -> bool:
    """Whether the flow run has ended without an outcome that counts."""
    return is_final(run) and run.state is not None and not run.state.is_completed()


def is_scheduled(run: "FlowRun") -> bool:
    """Whether no worker has taken the flow run."""
    return run.state is None or run.state.is_scheduled()
