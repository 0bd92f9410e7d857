"""What the machine that runs the pipeline asks of Prefect's server about stages on workers."""

import threading
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
)
from prefect.client.schemas.objects import FlowRun, WorkerStatus
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Crashed

from flows.workers.request import REPORT, StageReport
from lamp_core.errors import LampError

FLOW = "stage"
ON_CPU = "on-cpu"
CPU, GPU = "cpu", "gpu"
DEPLOY = "`lamp worker deploy` registers pools and deployments"


class Server:
    """Prefect's server, over a connection for each thread."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @property
    def client(self) -> SyncPrefectClient:
        """The connection of the thread that asks."""
        if not hasattr(self._of_thread, "client"):
            self._of_thread.client = get_client(sync_client=True)
        client: SyncPrefectClient = self._of_thread.client
        return client

    def deployment(self, stage: str) -> tuple[UUID, str]:
        """Id and pool of the deployment that runs a stage: on a card only while a worker has one.

        Raises:
            LampError: the deployment is not registered.
        """
        found, pool = self._deployment(stage)
        if pool == GPU and not self.online(GPU):
            return self._deployment(ON_CPU)
        return found, pool

    def online(self, pool: str) -> int:
        """Workers of a pool that showed a sign of life of late.

        Raises:
            LampError: there is no such pool.
        """
        try:
            workers = self.client.read_workers_for_work_pool(pool)
        except ObjectNotFound as error:
            raise LampError(f"Prefect's server has no work pool '{pool}'; {DEPLOY}") from error
        return sum(worker.status == WorkerStatus.ONLINE for worker in workers)

    def submit(
        self, deployment: UUID, parameters: Mapping[str, Any], *, name: str, key: str | None, tags: list[str]
    ) -> FlowRun:
        """Start a flow run, a subflow of the task that asks, or return the one that this key has started."""
        known = FlowRunFilterIdempotencyKey(any_=[key]) if key else None
        found = known and self.client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=known))
        if found:
            return found[0]
        made = run_deployment(
            deployment,
            parameters=dict(parameters),
            flow_run_name=name,
            idempotency_key=key,
            tags=tags,
            timeout=0,
            as_subflow=True,
        )
        assert isinstance(made, FlowRun)
        if made.parent_task_run_id is not None:  # it stands for the subflow on the page
            self.client.set_task_run_name(made.parent_task_run_id, name)
        return made

    def runs(self, ids: Collection[UUID]) -> dict[UUID, FlowRun]:
        """Flow runs by id."""
        found = self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(ids))), limit=200
        )
        return {run.id: run for run in found}

    def report(self, run: UUID) -> StageReport | None:
        """The report of a flow run; None before it has sent one."""
        wanted = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run]), type=ArtifactFilterType(any_=[REPORT])
        )
        found = [
            StageReport.model_validate(each.data)
            for each in self.client.read_artifacts(artifact_filter=wanted)
        ]
        return max(found, key=lambda report: report.beat, default=None)

    def give_up(self, run: UUID, why: str) -> None:
        """Mark a flow run as crashed, which frees its place."""
        self.client.set_flow_run_state(run, Crashed(message=why), force=True)

    def cancel(self, run: UUID) -> None:
        """Let a flow run end: the worker stops its stage, which keeps its checkpoint."""
        self.client.set_flow_run_state(run, Cancelling())

    def _deployment(self, name: str) -> tuple[UUID, str]:
        try:
            found = self.client.read_deployment_by_name(f"{FLOW}/{name}")
        except ObjectNotFound as error:
            raise LampError(f"Prefect's server has no deployment '{FLOW}/{name}'; {DEPLOY}") from error
        return found.id, found.work_pool_name or CPU
