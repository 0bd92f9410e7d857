"""One stage of a run as a Prefect task: its name, its retries, its state."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import exponential_backoff

from flows.pipeline.execution import Execution
from tasks.dvc.versions import RemoteUnreachable
from tasks.stage.holding import RepositoryBusy
from tasks.stage.outcome import Outcome, outcome_of

RETRIES = 5
FIRST_DELAY_SECONDS = 2


def is_passing(task: Any, run: Any, state: Any) -> bool:
    """Whether a failure passes by itself: a lock and a network do, bad data and bugs do not."""
    return isinstance(state.result(raise_on_failure=False), RepositoryBusy | RemoteUnreachable)


@task(
    name="stage",
    task_run_name="{name}",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(FIRST_DELAY_SECONDS),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_passing,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def stage(run: Execution, name: str) -> State[Outcome | None]:
    """Bring one stage up to date: Cached when it is fresh or restored, Failed or Cancelled with its error."""
    try:
        outcome = run.carry_out(name)
    except (RepositoryBusy, RemoteUnreachable) as error:
        run.keep_trouble(name, error)
        raise
    except Exception as error:
        outcome = outcome_of(error)
    if outcome is None:
        return Completed(name="Cached", message="fresh: the same code, parameters and inputs")
    run.tell(name, outcome)
    if outcome.state != "failed":
        named = "Cached" if outcome.state == "restored" else "Completed"
        return Completed(name=named, message=f"{outcome.state} in {outcome.seconds:.1f} s", data=outcome)
    ended = Cancelled if run.is_cancelled else Failed
    return ended(message=outcome.error, data=outcome)
