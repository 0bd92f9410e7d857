"""Where the stages of a run are carried out: in processes of this machine, unless another runner is given.

The pipeline decides which stage may start; a runner carries it out and says how far it is and how it ended.
"""

import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from tasks.dvc.graph import Graph
from tasks.dvc.versions import Versions
from tasks.project import Project
from tasks.stage.holding import holder
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress, read_progress
from tasks.system import resources
from tasks.system.processes import ProcessMark, send_signal
from tasks.system.waiting import looks

SECONDS_TO_START = 30.0
"""For a stage that was submitted and has no process yet, when the run is interrupted."""


class StageRunner(Protocol):
    """Carries stages out: each in the thread of its Prefect task, the rest in that of the flow run."""

    @property
    def at_once(self) -> int:
        """Stages that may run side by side."""

    def run(self, name: str, *, force: bool, parent_run: str) -> Outcome:
        """Carry a stage out to its end; called in its Prefect task.

        Args:
            name: of the stage; all that it reads is ready.
            force: run it even when it is fresh.
            parent_run: MLflow run of the pipeline, under which the stage's own run is nested.

        Returns:
            Its outcome; that of a stage that fails too.

        Raises:
            RepositoryBusy: another process holds a lock.
            RemoteUnreachable: DVC's remote cannot be reached.
        """

    def progress(self, name: str) -> Progress | None:
        """How far a stage is that was submitted; None while that is unknown."""

    def interrupt(self, names: Iterable[str]) -> None:
        """Tell running stages to end; each closes its MLflow run and keeps its checkpoints."""

    def versions(self, graph: Graph) -> Versions:
        """What is fresh where this runner keeps outputs."""

    def finish(self, names: Iterable[str]) -> None:
        """Bring metrics of these stages here, which are up to date and about to be read."""


class LocalRunner:
    """Carries stages out on this machine, each in a process under DVC.

    Args:
        project: the project.
        wait: whether to wait for a stage that another process runs; else it is a failure.
    """

    def __init__(self, project: Project, *, wait: bool = True) -> None:
        self._project, self._wait = project, wait
        self._stop = threading.Event()
        self._ended: set[str] = set()

    @property
    def at_once(self) -> int:
        """Stages that may run side by side."""
        return resources.stages_at_once()

    def run(self, name: str, *, force: bool, parent_run: str) -> Outcome:
        """Carry a stage out to its end."""
        from tasks.stage.bring_up_to_date import bring_up_to_date

        try:
            return bring_up_to_date(
                self._project, name, force=force, parent_run=parent_run, waits=self._waits
            )
        finally:
            self._ended.add(name)

    def progress(self, name: str) -> Progress | None:
        """How far a stage is that was submitted; None while that is unknown."""
        other = holder(self._project, name)
        progress = read_progress(self._project.progress_file(name))
        if other is not None and self._is_foreign(other):
            now = time.time()
            known = progress or Progress("running", other.pid, started=now, updated=now)
            return replace(known, waits_for=f"process {other.pid}, which runs it")
        return progress if progress is not None and progress.is_alive else None

    def interrupt(self, names: Iterable[str]) -> None:
        """Tell running stages to end; each closes its MLflow run and keeps its checkpoints."""
        self._stop.set()
        left = set(names)
        for _ in looks(SECONDS_TO_START):
            for name in sorted(left):
                progress = self.progress(name)
                if progress is not None and not progress.waits_for:
                    send_signal(progress.pid, signal.SIGTERM)
                    left.discard(name)
                elif name in self._ended:
                    left.discard(name)
            if not left:
                return

    def versions(self, graph: Graph) -> Versions:
        """What is fresh on this machine."""
        return Versions(self._project, graph)

    def finish(self, names: Iterable[str]) -> None:
        """Do nothing: the metrics are here."""

    def _waits(self) -> bool:
        """Whether a stage that another process runs is still to be waited for."""
        return self._wait and not self._stop.is_set()

    def _is_foreign(self, other: ProcessMark) -> bool:
        """Whether a process that runs a stage belongs to another run than this one."""
        return other.pid != os.getpid()
