"""The MLflow run of a stage's process, written by a thread of its own: no training step waits for it."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tasks.mlflow.by_hand import record_by_hand
from tasks.mlflow.registry import keep_model
from tasks.mlflow.tracking import Ending, Scalar, Tracking
from tasks.project import write_atomically
from tasks.stage.memory import KEPT_FOR_CALLER, remembered_run
from tasks.system.redaction import warn

SECONDS_BETWEEN_BATCHES = 2.0


class StageRun:
    """Starts the run of a stage, or goes on with that of an interrupted one.

    A stage that a run has started keeps all that it measures in the outbox, and the run's process sends it
    (`tasks.mlflow.courier`): opening the store takes seconds of a processor, and that process has it open.
    By hand the stage opens it, while it already works. A store that fails does not stop the stage: its output
    stands, and a warning says that it is not tracked.

    Args:
        tracking: the store.
        stage: that works.
        start: starts the run, or goes on with the ``known`` one, and returns its id.
        memory: file beside the checkpoints that remembers the run's id until the stage ends well.
        on_start: called with the run's id.
    """

    def __init__(
        self,
        tracking: Tracking,
        stage: str,
        start: Callable[..., str],
        *,
        memory: Path,
        on_start: Callable[[str], None],
    ) -> None:
        self._tracking, self._memory, self._on_start = tracking, memory, on_start
        self._stage, self._start = stage, start
        self._scalars: queue.SimpleQueue[Scalar | None] = queue.SimpleQueue()
        self._ending: Ending = "FAILED"
        self._output: Path | None = None
        self._metrics: Mapping[str, float] = {}
        self._by_hand = not os.environ.get(KEPT_FOR_CALLER)
        tracking.is_later = not self._by_hand
        self._goes_on = False
        self._thread = threading.Thread(target=self._write_all, name="mlflow", daemon=True)
        self._thread.start()

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Note numbers of a step."""
        for name, value in scalars.items():
            self._scalars.put(Scalar.now(name, value, step))

    def keep(self, output: Path, metrics: Mapping[str, float]) -> None:
        """Store the stage's output with the run as it ends, if it is a model."""
        self._output, self._metrics = output, metrics

    def finish(self, ending: Ending) -> None:
        """Write what is left and close the run."""
        self._ending = ending
        self._scalars.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        try:
            run_id = self._begin()
            self._on_start(run_id)
            open_end = True
            while open_end:
                batch, open_end = self._collect()
                self._tracking.log(run_id, batch, goes_on=self._goes_on)
            self._tracking.finish(run_id, self._ending)
            if self._output is not None:
                keep_model(self._tracking, run_id, self._output)
                if self._by_hand:
                    record_by_hand(self._tracking, run_id, self._stage, self._output, self._metrics)
        except Exception as error:  # any failure of a store or its server: the stage's work must stand
            warn(f"MLflow does not keep this stage: {type(error).__name__}: {error}")

    def _begin(self) -> str:
        known = remembered_run(self._memory)
        self._goes_on = known is not None
        run_id = self._start(known=known)
        if run_id != known:
            write_atomically(self._memory, json.dumps({"run_id": run_id}))
        return run_id

    def _collect(self) -> tuple[list[Scalar], bool]:
        """Numbers of the next seconds, and whether more may come."""
        batch: list[Scalar] = []
        until = time.monotonic() + SECONDS_BETWEEN_BATCHES
        while (left := until - time.monotonic()) > 0:
            try:
                scalar = self._scalars.get(timeout=left)
            except queue.Empty:
                break
            if scalar is None:
                return batch, False
            batch.append(scalar)
        return batch, True
