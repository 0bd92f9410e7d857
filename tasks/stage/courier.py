"""What a stage's process measures reaches MLflow through the process that has started it.

The stage keeps its numbers in the outbox; here they are sent while it runs, beside samples of what it costs
its machine. Importing MLflow costs seconds of a processor, and a run's process has done it once for all.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.mlflow.system_metrics import SECONDS_BETWEEN_SAMPLES, Sampler
from tasks.mlflow.tracking import Scalar, Tracking
from tasks.project import Project
from tasks.stage.progress import read_progress
from tasks.system.redaction import warn
from tasks.system.waiting import SECONDS_BETWEEN_CALLS


@contextmanager
def carried(project: Project, name: str) -> Iterator[None]:
    """Inside, send what a stage keeps for MLflow, from a thread; what is left, as the block ends.

    Args:
        project: in which the stage runs.
        name: of the stage.
    """
    courier = _Courier(project, name)
    with courier.tracking.outbox.attended():
        courier.start()
        try:
            yield
        finally:
            courier.over.set()
            courier.join()


class _Courier(threading.Thread):
    """Looks every two seconds, and once more when the stage is over."""

    def __init__(self, project: Project, name: str) -> None:
        super().__init__(name="courier", daemon=True)
        self.tracking, self.over = Tracking(project), threading.Event()
        self._progress_file, self._began = project.progress_file(name), time.time()
        self._sampler, self._watched, self._sampled = Sampler(), 0, -math.inf
        self._told = ""

    def run(self) -> None:
        """Send and sample; a store that fails does not stop the stage."""
        is_over = False
        while not is_over:
            is_over = self.over.wait(SECONDS_BETWEEN_CALLS)
            try:
                self.tracking.flush()
                self._sample(is_over)
            except Exception as error:  # any failure of a store or its server: the stage's work must stand
                self._tell(f"MLflow does not keep this stage: {type(error).__name__}: {error}")

    def _tell(self, fault: str) -> None:
        """Warn of a fault once, not at every look."""
        if fault != self._told:
            warn(fault)
        self._told = fault

    def _sample(self, is_over: bool) -> None:
        """Sample every ten seconds from the second look on, and at the end."""
        progress = read_progress(self._progress_file)
        if progress is None or progress.started < self._began or not progress.is_tracked:
            return
        is_new = progress.pid != self._watched
        if is_new:
            self._watched = progress.pid
            self._sampler.watch(progress.pid, progress.run_since)
        if is_over or (not is_new and time.monotonic() - self._sampled >= SECONDS_BETWEEN_SAMPLES):
            self._sampled = time.monotonic()
            step, numbers = self._sampler.sample()
            self.tracking.log(
                str(progress.run_id), [Scalar.now(name, value, step) for name, value in numbers.items()]
            )
