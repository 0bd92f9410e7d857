"""A worker as a job of Slurm: the script for ``sbatch``."""

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from lamp_core.errors import LampError
from tasks.project import Project

SECONDS_BEFORE_LIMIT = 120
"""Slurm's warning: time for a step, a checkpoint and its last words."""
LEAST_SECONDS = 240
TIME = r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}"
ARRAY = r"\d+(-\d+(:\d+)?)?(,\d+(-\d+(:\d+)?)?)*(%\d+)?"
PARTITION = r"[\w.-]+(,[\w.-]+)*"
FROM_SHELL = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "MLFLOW_TRACKING_URI")


@dataclass(frozen=True)
class Job:
    """What a worker's job asks for.

    Args:
        pool: whose stages it runs.
        nodes: of it.
        cards: of a node.
        cores: of a node.
        time: limit, as Slurm writes it.
        partition: to run in; Slurm's own by default.
        array: indices of an array of workers; none for one.
    """

    pool: str
    nodes: int
    cards: int
    cores: int
    time: str
    partition: str | None
    array: str | None

    def __post_init__(self) -> None:
        """Raise LampError for what Slurm would not take, or not understand as it is meant."""
        for option, text, form, example in (
            ("--partition", self.partition, PARTITION, "gpu"),
            ("--array", self.array, ARRAY, "0-7%4"),
            ("--time", self.time, TIME, "04:00:00 or 1-12"),
        ):
            if text is not None and not re.fullmatch(form, text):
                raise LampError(f"{option} {text!r} is none that Slurm takes; write it as {example}")
        if _seconds(self.time) < LEAST_SECONDS:
            raise LampError(
                f"--time {self.time} is too short: a stage writes its checkpoint {SECONDS_BEFORE_LIMIT} s"
                f" before it, or up to a minute earlier; give {LEAST_SECONDS // 60} minutes or more"
            )


def _seconds(time: str) -> int:
    """A time limit as Slurm reads it: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S."""
    days, dash, clock = time.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    units = (3600, 60, 1) if dash or len(parts) == 3 else (60, 1)
    return 86400 * int(days or 0) + sum(unit * part for unit, part in zip(units, parts, strict=False))


def job_name() -> str:
    """Name of a worker in the present job, the same after it was queued again; empty outside of Slurm."""
    job = os.environ.get("SLURM_ARRAY_JOB_ID") or os.environ.get("SLURM_JOB_ID")
    parts = ["slurm", job, os.environ.get("SLURM_ARRAY_TASK_ID")]
    return "-".join(part for part in parts if part) if job else ""


def sbatch_script(project: Project, job: Job) -> str:
    """The text of the script; the servers and their passwords come from the shell that calls ``sbatch``."""
    cards = 0 if job.pool == "cpu" else job.cards
    asked = {
        "job-name": f"lamp-{job.pool}",
        "partition": job.partition,
        "array": job.array,
        "nodes": job.nodes,
        "ntasks-per-node": 1,
        "gpus-per-node": cards or None,
        "cpus-per-task": job.cores,
        "time": job.time,
        "signal": f"B:USR1@{SECONDS_BEFORE_LIMIT}",
        "open-mode": "append",
        "output": shlex.quote(f"{project.state}/logs/slurm-{'%A_%a' if job.array else '%j'}.log"),
    }
    options = "".join(f"#SBATCH --{name}={value}\n" for name, value in asked.items() if value is not None)
    lamp = shlex.quote(str(Path(sys.executable).parent / "lamp"))
    return SCRIPT.format(
        options=options,
        folder=shlex.quote(str(project.root)),
        lamp=lamp,
        pool=job.pool,
        variables=", ".join(FROM_SHELL),
    )


SCRIPT = """\
#!/bin/bash
# A worker as a job of Slurm. {variables} come from the shell that calls sbatch.
{options}#SBATCH --requeue

cd {folder} || exit 1
{lamp} worker start --pool {pool} &
worker=$!
# Before the limit the stage writes a checkpoint and the job is queued again: the next one goes on with it.
# SIGTERM alone comes of a preemption, after which Slurm itself queues the job again, or of scancel.
trap 'again=yes; kill -USR1 $worker' USR1
trap 'kill -TERM $worker' TERM
while wait $worker; status=$?; [ $status -gt 128 ] && kill -0 $worker 2> /dev/null; do :; done
[ -z "$again" ] || scontrol requeue "${{SLURM_JOB_ID}}"
exit $status
"""
