"""A worker as a job of Slurm: the script for ``sbatch``."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.project import Project

SECONDS_BEFORE_LIMIT = 120
"""Slurm's warning: time for a step, a checkpoint and its last words."""
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
        "output": f"{project.state / 'logs'}/slurm-%A_%a.log"
        if job.array
        else f"{project.state / 'logs'}/slurm-%j.log",
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
