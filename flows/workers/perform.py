"""Carries one stage out in a worker's workspace: ``python -m flows.workers.perform ANSWER < REQUEST``.

A process of its own, with the code of the commit that the request names: it pulls the stage's inputs, lets
DVC run the stage or restore it from the runs of all machines, pushes the outputs and writes the answer.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from flows.workers.request import Entry, StageRequest, finished
from lamp_core.config import load_params, save_params
from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import RemoteVersions, require_remote
from tasks.dvc.versions import RemoteUnreachable
from tasks.project import Project, find_project, write_atomically
from tasks.stage.holding import RepositoryBusy
from tasks.stage.outcome import Outcome
from tasks.stated_folders import stated_folders
from tasks.system.orphans import end_with_parent
from tasks.system.waiting import SECONDS_BETWEEN_CALLS, wait_until

SECONDS_FOR_MLFLOW = 60.0
"""For a server that is away when a stage has ended."""


def perform(project: Project, request: StageRequest) -> tuple[Outcome, Entry | None]:
    """Bring the stage up to date on the remote; return how it ended, and its entry in ``dvc.lock``."""
    started = time.time()
    try:
        versions = _prepare(project, request)
        if request.lock:
            versions.pull(versions.graph[request.name].upstream, force=True)
        else:  # started by hand: what comes before is restored or made, as `lamp run --until` would
            for before in versions.graph.until(request.name)[:-1]:
                outcome = carry_out(project, before, force=False, parent_run=request.parent_run)
                if outcome.state == "failed":
                    return replace(outcome, error=f"{before}: {outcome.error}"), None
                versions.push([before])
        outcome = carry_out(project, request.name, force=request.force, parent_run=request.parent_run)
        if outcome.state == "failed":
            return outcome, None
        versions.push([request.name])
        outcome = _tracked(project, outcome)
    except (LampError, RepositoryBusy, RemoteUnreachable) as error:
        return Outcome("failed", time.time() - started, error=str(error), is_bad_request=True), None
    outcome = replace(outcome, seconds=time.time() - started)
    return outcome, versions.entries([request.name])[request.name]


def carry_out(project: Project, name: str, *, force: bool, parent_run: str) -> Outcome:
    """Bring one stage up to date in a project, outside of a Prefect flow run."""
    from tasks.stage.bring_up_to_date import bring_up_to_date

    return bring_up_to_date(project, name, force=force, parent_run=parent_run or None)


def _tracked(project: Project, outcome: Outcome) -> Outcome:
    """Send what the stage has kept for MLflow while its server was away; its run by the server's own id.

    While the server stays away, the run is none that others could find; the next stage sends its numbers.
    """
    from tasks.mlflow.tracking import Tracking

    tracking = Tracking(project)
    is_sent = wait_until(tracking.flush, SECONDS_FOR_MLFLOW, SECONDS_BETWEEN_CALLS)
    return replace(outcome, run_id=tracking.id_of(outcome.run_id) if is_sent and outcome.run_id else None)


def _prepare(project: Project, request: StageRequest) -> RemoteVersions:
    """Write parameters and ``dvc.lock`` as the request says, after checking them.

    Raises:
        LampError: the request is not valid.
    """
    request.check()
    require_remote(project)
    if request.params:
        save_params(request.config(), project.params_file)
    graph = read_graph(project)
    request.check_against(graph)
    for name in stated_folders(load_params(project.params_file), graph[request.name].params):
        raise LampError(f"{name} names a folder of another machine; a worker cannot read it")
    versions = RemoteVersions(project, graph)
    if request.lock:
        versions.write_entries(request.lock)
    versions.clear([request.name])
    return versions


def main() -> None:
    """Read the request, carry it out, write the answer."""
    end_with_parent()
    request = StageRequest.model_validate_json(sys.stdin.read())
    outcome, entry = perform(find_project(), request)
    write_atomically(Path(sys.argv[1]), finished(outcome, entry))


if __name__ == "__main__":
    main()
