"""The end-to-end run as a Prefect flow: what ``lamp run`` starts, and the deployment ``pipeline``.

Importing it imports Prefect, which takes seconds and wants its settings first (`prefect_server.prepare`).
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.futures import PrefectConcurrentFuture
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.cluster_option import without_cluster
from flows.parameters import configured, look_at_source
from flows.pipeline.artifacts import flow_artifacts
from flows.pipeline.cleanup import close_flow_runs
from flows.pipeline.display import LineDisplay
from flows.pipeline.execution import Execution, executed, recorded
from flows.pipeline.run_records import Asked
from flows.pipeline.stage_runner import LocalRunner
from flows.pipeline.stage_task import stage
from flows.workers.commits import workspace
from flows.workers.runner import WorkersRunner
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import RemoteVersions
from tasks.project import find_project
from tasks.system import resources
from tasks.system.waiting import SECONDS_BETWEEN_CALLS

PREPARED: ContextVar[Execution | None] = ContextVar("prepared", default=None)
"""The run that this process has planned already; none where a worker begins with the parameters alone."""
THREADS: Any = ThreadPoolTaskRunner(max_workers=64)
"""One for each stage: most wait for others, and as many work as the machine or the workers take."""

Futures = dict[str, PrefectConcurrentFuture[Any]]
submit: Any = stage.submit


def run_name() -> str:
    """Data set, profile and time: ``procedural-quick-20260102-030405``."""
    prepared = PREPARED.get()
    if prepared is not None:
        parts = [prepared.plan.config.ingest.data, prepared.plan.config.profile]
    else:
        parts = [flow_run.parameters.get(name) or "" for name in ("data", "profile")]
    return "-".join([*(part for part in parts if part), time.strftime("%Y%m%d-%H%M%S")])


@flow(
    name="pipeline",
    flow_run_name=run_name,
    task_runner=THREADS,
    persist_result=False,
)
def pipeline(
    data: str | None = None,
    profile: str | None = None,
    set: list[str] | None = None,
    system: str | None = None,
    only: str | None = None,
    until: str | None = None,
    force: str | None = None,
    name: str | None = None,
    cluster: str | None = None,
    workers: bool = False,
    cards: int = 1,
    nodes: int = 1,
    commit: str = "",
) -> State[Any]:
    """Bring every stage up to date: run what is stale, skip what is fresh, record it all.

    Args:
        data: registered data set; that of params.yaml by default.
        profile: whose parameters it starts from; those of params.yaml by default.
        set: parameters to set, ``section.parameter=value`` each.
        system: whose stages to run; the first of the catalogue by default.
        only: run this stage alone.
        until: run this stage and what it needs.
        force: run this stage even when it is fresh.
        name: of the MLflow run; data set, profile and what differs by default.
        cluster: address of the Dask scheduler whose workers take the shards of clips.
        workers: spread the stages over all workers.
        cards: processes a node that train a stage, with a card each where there are.
        nodes: nodes of a Slurm job that train a stage.
        commit: 40 digits; empty: the one that the project, or the worker's clone, is at.
    """
    # 1. The run that `lamp run` has planned; on a worker, plan it in a workspace of the commit.
    assigned, cluster = without_cluster(set or [], cluster)
    resources.use(cards, nodes, cluster)
    asked = Asked(name=name or "", only=only, until=until, force=force, system=system, workers=workers)
    with _prepared(data, profile, assigned, asked, commit) as run:
        with recorded(run, flow_run.get_name() or "", str(flow_run.get_id() or "")):
            close_flow_runs(run.plan.project)
            with flow_artifacts(run.plan.project, run):
                # 2. Submit every stage; it waits for those that write what it reads.
                futures: Futures = {}
                for each in run.plan.names:
                    needed = [futures[other] for other in run.before(each)]
                    futures[each] = submit(run, each, wait_for=needed)
                # 3. Show how far they are until all have ended, or the run is cancelled.
                _watch(run, futures)
        # 4. Say how it ended; what a worker made is pushed.
        return _ending(run)


@contextmanager
def _prepared(
    data: str | None, profile: str | None, assigned: list[str], asked: Asked, commit: str
) -> Iterator[Execution]:
    prepared = PREPARED.get()
    if prepared is not None:
        yield prepared
        return
    os.environ["LAMP_PULL"] = "1"
    with workspace(find_project(), commit) as place:
        config = configured(place, data=data, profile=profile, assignments=assigned)
        look_at_source(place, config)
        display = LineDisplay(get_run_logger().info)
        with executed(place, config, asked, WorkersRunner if asked.workers else LocalRunner, display) as run:
            yield run
            if not asked.workers:
                versions = RemoteVersions(place, read_graph(place))
                versions.push(versions.entries(tuple(versions.graph)))


def _watch(run: Execution, futures: Futures) -> None:
    """Take note of what the tasks tell until all have ended."""
    looked = time.monotonic()
    with get_client(sync_client=True) as client:
        try:
            while not all(future.wrapped_future.done() for future in futures.values()):
                run.take_note()
                if not run.is_cancelled and time.monotonic() - looked > SECONDS_BETWEEN_CALLS:
                    looked = time.monotonic()
                    run.is_cancelled = _is_cancelling(client)
                    if run.is_cancelled:
                        run.interrupt()
        except BaseException:
            run.interrupt()
            wait([future.wrapped_future for future in futures.values()], timeout=SECONDS_BETWEEN_CALLS)
            raise
        run.end()
        if run.is_cancelled:
            for name, future in futures.items():
                if run.states[name] == "cancelled":
                    client.set_task_run_name(future.task_run_id, name)  # one that never began has none yet
                    client.set_task_run_state(future.task_run_id, Cancelled(), force=True)


def _is_cancelling(client: SyncPrefectClient) -> bool:
    """Whether somebody cancels this flow run in Prefect; False while the server does not say."""
    try:
        state = client.read_flow_run(UUID(str(flow_run.get_id()))).state
    except HTTPError:
        return False
    return state is not None and state.type in {StateType.CANCELLING, StateType.CANCELLED}


def _ending(run: Execution) -> State[Any]:
    if run.is_cancelled:
        return Cancelled(
            message="cancelled; what was trained is in checkpoints, `lamp resume` goes on with it"
        )
    if run.failed:
        return Failed(message=f"failed: {', '.join(run.failed)}")
    return Completed(message="all stages are fresh")
