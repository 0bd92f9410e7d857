"""A schedule makes runs: Prefect's scheduler works with the packages that are installed beside it."""

import asyncio
from uuid import UUID


def test_a_scheduled_deployment_gets_its_runs(prefect_server: None) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    nightly = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            client.create_flow_from_name("nightly"),
            "nightly",
            schedules=[DeploymentScheduleCreate(schedule=nightly)],
        )
        try:
            made = asyncio.run(scheduled(deployment))
            states = {client.read_flow_run(run).state_name for run in made}
        finally:
            client.delete_deployment(deployment)
    assert len(made) >= 3
    assert states == {"Scheduled"}


async def scheduled(deployment: UUID) -> list[UUID]:
    """What the server's scheduler does for a deployment, on the server's own database.

    The transaction takes the right to write at its beginning: SQLite refuses one that has read and would
    write after the server has written ("database is locked"), without waiting.
    """
    from prefect.server import models
    from prefect.server.database import provide_database_interface

    transaction = provide_database_interface().session_context(begin_transaction=True, with_for_update=True)
    async with transaction as session:
        return [UUID(str(run)) for run in await models.deployments.schedule_runs(session, deployment)]
