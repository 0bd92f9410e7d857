"""What is kept of each run that ran stages, until it is known how it ended: enough to run it again as it was.

A record is a folder in ``.lamp/runs``: ``run.json``, and ``params.yaml`` as the run used it. The MLflow run
has a copy, by which another clone can go on with it. A run whose process is gone, and which never said how it
ended, was killed.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from lamp_core.io.disk import write_text
from tasks.project import Project
from tasks.system.processes import ProcessMark, this_process

RECORD_FILE, PARAMS_FILE = "run.json", "params.yaml"
KEPT_RUNS = 100

Ending = Literal["running", "finished", "failed", "killed"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a run of the pipeline, beside the parameters.

    Args:
        name: of its MLflow run; empty: data set, profile and what differs.
        only: the stage that it runs alone.
        until: the last stage that it runs.
        force: the stage that it runs even when fresh.
        system: whose stages it runs; the first of the catalogue by default.
        workers: whether its stages run on workers.
        tags: of its MLflow run, beside those of every run.
        cards: processes a node that train a stage; None where a record does not say.
        nodes: nodes of a Slurm job that train a stage; None where a record does not say.
        cluster: address of the Dask scheduler, empty without one; None where a record does not say.
    """

    name: str = ""
    only: str | None = None
    until: str | None = None
    force: str | None = None
    system: str | None = None
    workers: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    cards: int | None = None
    nodes: int | None = None
    cluster: str | None = None


WHOLE = Asked()
"""Every stage of the first system, on this machine."""


@dataclass(frozen=True, kw_only=True)
class RunRecord(Asked):
    """A run of the pipeline.

    Args:
        run_id: its MLflow run.
        flow_run: name of its Prefect flow run.
        flow_run_id: of that; empty before it has begun.
        process: mark of its process (`tasks.system.processes`).
        started: seconds since the epoch.
        commit: of the code; empty where there is none.
        inputs: hash of every input that no stage writes: code, and the registered data set.
        ending: how it ended; ``running`` while nothing has been said.
        failed: stages that failed.
        is_open: whether its Prefect flow run may still be shown as running.
    """

    run_id: str
    flow_run: str
    process: str = ""
    started: float = 0.0
    commit: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    flow_run_id: str = ""
    ending: Ending = "running"
    failed: tuple[str, ...] = ()
    is_open: bool = True

    @property
    def mark(self) -> ProcessMark:
        """Its process."""
        return ProcessMark.read(self.process) or ProcessMark(0)

    @property
    def state(self) -> Ending:
        """How it ended, as far as can be seen."""
        return "killed" if self.ending == "running" and not self.mark.is_alive else self.ending


RECORD = TypeAdapter(RunRecord)


def begin_record(project: Project, record: RunRecord) -> RunRecord:
    """Keep a run that starts, with the parameters of the workspace."""
    folder = project.runs / record.run_id
    write_text(folder / PARAMS_FILE, project.params_file.read_text(), "the run's parameters")
    begun = replace(record, process=str(this_process()), started=time.time())
    write_record(project, begun)
    for old in read_records(project)[KEPT_RUNS:]:
        shutil.rmtree(project.runs / old.run_id, ignore_errors=True)
    return begun


def write_record(project: Project, record: RunRecord) -> None:
    """Write a record anew."""
    write_text(project.runs / record.run_id / RECORD_FILE, json.dumps(asdict(record)), "the run's record")


def end_record(
    project: Project, record: RunRecord, ending: Ending, failed: Sequence[str] = (), *, is_open: bool = False
) -> None:
    """Note how a run ended, and whether its Prefect flow run may still be shown as running."""
    write_record(project, replace(record, ending=ending, failed=tuple(failed), is_open=is_open))


def read_records(project: Project) -> list[RunRecord]:
    """All records that are whole, the newest first."""
    found = [_read(path) for path in project.runs.glob(f"*/{RECORD_FILE}")]
    return sorted((record for record in found if record), key=lambda record: record.started, reverse=True)


def record_files(project: Project, run_id: str) -> list[Path]:
    """The files of a record."""
    return [project.runs / run_id / name for name in (RECORD_FILE, PARAMS_FILE)]


def params_of(project: Project, record: RunRecord) -> Path:
    """The file with the parameters of a run."""
    return project.runs / record.run_id / PARAMS_FILE


def living_runs(project: Project) -> list[RunRecord]:
    """Runs whose process is at work, this one left out."""
    ours = this_process().pid
    return [
        record for record in read_records(project) if record.state == "running" and record.mark.pid != ours
    ]


def _read(path: Path) -> RunRecord | None:
    """A record; None where there is only part of one."""
    try:
        return RECORD.validate_json(path.read_text())
    except (OSError, ValueError):
        return None
