"""What the machine that runs the pipeline asks of Prefect's server about stages on workers."""

from collections.abc import Collection, Mapping
from functools import cached_property
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
    """Prefect's server, over one connection; not for several threads."""

    @cached_property
    def client(self) -> SyncPrefectClient:
        """The connection."""
        return get_client(sync_client=True)

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
        return made

    def runs(self, ids: Collection[UUID]) -> dict[UUID, FlowRun]:
        """Flow runs by id."""
        found = self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(ids))), limit=200
        )
        return {run.id: run for run in found}

    def reports(self, ids: Collection[UUID]) -> dict[UUID, StageReport]:
        """The newest report of each flow run that sent one."""
        found = self.client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=list(ids)), type=ArtifactFilterType(any_=[REPORT])
            ),
            limit=200,
        )
        reports: dict[UUID, StageReport] = {}
        for artifact in found:
            if artifact.flow_run_id is None:
                continue
            report = StageReport.model_validate(artifact.data)
            known = reports.get(artifact.flow_run_id)
            if known is None or known.beat < report.beat:
                reports[artifact.flow_run_id] = report
        return reports

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
