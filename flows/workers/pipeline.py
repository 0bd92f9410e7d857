"""The deployment ``pipeline``: the end-to-end run on a worker, in a workspace below the worker's clone."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.workers.commits import workspace
from flows.workers.request import StageRequest
from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import RemoteVersions
from tasks.mlflow.tags import FLOW_RUN
from tasks.project import find_project
from tasks.system.redaction import masked


class PipelineFailed(Exception):
    """The run of the pipeline ended with an error; its log says which."""


@flow(name="pipeline", persist_result=False)
def pipeline(
    data: str = "procedural",
    profile: str = "quick",
    assignments: list[str] | None = None,
    until: str | None = None,
    commit: str = "",
    workers: bool = False,
) -> None:
    """Run the pipeline on a worker and push what it made.

    Args:
        data: registered data set.
        profile: whose parameters it starts from.
        assignments: parameters to set, ``section.parameter=value`` each.
        until: run this stage and what it needs only.
        commit: 40 digits; empty: the commit that the worker's clone is at.
        workers: spread the stages over all workers; this one then needs a place for its own stages too.
    """
    StageRequest(name="pipeline", commit=commit).check()
    clone = find_project()
    with workspace(clone, commit) as place:
        options = [f"--data={data}", f"--profile={profile}"]
        options += [f"--set={assignment}" for assignment in assignments or []]
        options += [f"--until={until}"] if until is not None else []
        _run([*options, *(["--workers"] if workers else [])], place.root)
        if not workers:
            versions = RemoteVersions(place, read_graph(place))
            versions.push(versions.entries(tuple(versions.graph)))


def _run(options: Sequence[str], folder: Path) -> None:
    """Run `lamp run` in a folder and pass what it prints on line by line.

    Raises:
        LampError: a request that cannot be met.
        PipelineFailed: any other failure.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "LAMP_PULL": "1", FLOW_RUN: str(flow_run.id)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    last = ""
    try:
        for line in process.stdout:
            last = masked(line.rstrip())
            get_run_logger().info("%s", last)
    finally:
        if process.poll() is None:
            process.terminate()
        status = process.wait()
    if status == 2:
        raise LampError(last)
    if status != 0:
        raise PipelineFailed(last)
