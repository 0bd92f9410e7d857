"""The state of every stage and of the runs, as ``lamp status`` tells it."""

import os
from collections.abc import Mapping

from flows.pipeline.run_records import RunRecord, living_runs, read_records
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import IN_REMOTE, PlacedVersions, has_remote
from tasks.dvc.versions import Freshness, RepositoryBusy, Versions
from tasks.project import Project
from tasks.stage.holding import holder
from tasks.stage.progress import Progress, read_progress
from tasks.system.processes import ProcessMark

THERE = ("fresh", IN_REMOTE)
UNKNOWN = ("unknown", "another process holds DVC's lock; look again when it has ended")


class StageStates:
    """What is known of the stages; DVC is asked anew when a stage has started or ended.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        view = PlacedVersions if has_remote(project) else Versions
        self._versions = view(project, read_graph(project))
        self._freshness = self._ask()
        self.progress: dict[str, Progress] = {}
        self._holders: dict[str, ProcessMark] = {}
        self._runs: list[RunRecord] = []
        self._look()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs: no stage and no run of the pipeline."""
        return not self._holders and not self._runs

    def look_again(self) -> None:
        """Read everything anew, DVC's word only if a stage has started or ended."""
        before = set(self._holders)
        self._look()
        if before != set(self._holders):
            self._freshness = self._ask()

    def rows(self) -> dict[str, tuple[str, str]]:
        """State and reason by stage: running, waiting, fresh, in the remote, stale or missing.

        What needs a stale stage is stale too.
        """
        rows: dict[str, tuple[str, str]] = {}
        for name in self._versions.graph:
            found, progress = self._freshness.get(name), self.progress.get(name)
            before = [other for other in self._versions.read_by(name) if rows[other][0] not in THERE]
            if progress is not None and progress.is_alive:
                rows[name] = ("running", _work(progress))
            elif name in self._holders:
                rows[name] = ("running", f"held by process {self._holders[name].pid}: DVC is at work")
            elif found is None:
                rows[name] = UNKNOWN
            elif found.state in THERE and before:
                rows[name] = ("stale", f"{', '.join(before)} will change")
            else:
                rows[name] = (found.state, "; ".join([*found.reasons, *_last_word(progress, found.state)]))
        return rows

    def run_lines(self) -> list[str]:
        """A line for each run at work, or for the last one when it did not end well."""
        if self._runs:
            return [
                f"run {run.name} is at work: process {run.mark.pid}, {run.flow_run}" for run in self._runs
            ]
        last = next(iter(read_records(self._project)), None)
        if last is None or last.state not in {"killed", "failed"}:
            return []
        failed = f" at {', '.join(last.failed)}" if last.failed else ""
        ended = "was killed" if last.state == "killed" else f"failed{failed}"
        return [f"run {last.name} ({last.run_id[:8]}) {ended}; `lamp resume` goes on with it"]

    def _ask(self) -> Mapping[str, Freshness]:
        """DVC's word; none while another DVC process keeps its lock."""
        try:
            return self._versions.status()
        except RepositoryBusy:
            return {}

    def _look(self) -> None:
        for name in self._versions.graph:
            progress = read_progress(self._project.progress_file(name))
            self.progress = {**self.progress, **({name: progress} if progress else {})}
        found = {name: holder(self._project, name) for name in self._versions.graph}
        self._holders = {name: mark for name, mark in found.items() if mark and mark.pid != os.getpid()}
        self._runs = living_runs(self._project)


def _work(progress: Progress) -> str:
    share = f" {progress.done}/{progress.total}" if progress.total else ""
    return f"process {progress.pid}{share} {progress.details}".rstrip()


def _last_word(progress: Progress | None, state: str) -> list[str]:
    """How the last run of a stage that is not fresh ended, when it did not end well."""
    if progress is None or state in THERE or progress.state == "done":
        return []
    if progress.state == "failed":
        return [f"failed: {progress.error}"]
    return ["interrupted; goes on from its checkpoint"]
