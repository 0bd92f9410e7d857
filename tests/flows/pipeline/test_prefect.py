"""A run as Prefect shows it: a task run a stage, edges, Cached, Cancelled; and the flow of the deployment."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from flows.commands.run import run as lamp_run
from flows.commands.worker import PREFECT_FILE
from flows.pipeline.prefect_server import note_pages, open_page, open_pages
from flows.pipeline.run import run_pipeline
from flows.pipeline.run_records import Asked, read_records
from tasks.dvc.versions import RemoteUnreachable, RepositoryBusy
from tasks.mlflow.tracking import Tracking
from tasks.stage.outcome import Outcome
from tests.flows.pipeline.test_faults import start, steps_done
from tests.shared_toy import share
from tests.toy import REPOSITORY, Toy
from tests.waiting import wait_until


def task_runs(flow_run: str) -> Mapping[str, object]:
    """The task runs of a flow run by name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run)]))
    with get_client(sync_client=True) as client:
        return {run.name: run for run in client.read_task_runs(flow_run_filter=wanted)}


def test_every_stage_is_a_task_run_with_its_edges_and_fresh_ones_are_cached(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_pipeline(toy.project, toy.config, Asked(until="features"))
    monkeypatch.setenv("TOY_FAIL", "evaluator")
    result = run_pipeline(toy.project, toy.config)
    assert result.states == {
        "ingest": "fresh",
        "features": "fresh",
        "evaluator": "failed",
        "evaluate": "blocked",
    }
    record = read_records(toy.project)[0]
    runs = task_runs(record.flow_run_id)
    assert {name: run.state_name for name, run in runs.items()} == {
        "ingest": "Cached",
        "features": "Cached",
        "evaluator": "Failed",
        "evaluate": "NotReady",
    }
    needed = {str(each.id) for each in runs["evaluate"].task_inputs["wait_for"]}
    assert needed == {str(runs["features"].id), str(runs["evaluator"].id)}
    assert record.flow_run.startswith("procedural-smoke-")


def test_cancel_in_prefect_ends_the_stage_with_a_checkpoint_and_every_state_says_so(
    toy: Toy, prefect_server: None
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    toy.train_features()
    (toy.folder / "hold").touch()
    run = start(toy, "run")
    wait_until(lambda: steps_done(toy) >= 1)
    (record,) = read_records(toy.project)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(record.flow_run_id), Cancelling())
        said = run.communicate(timeout=300)[0]
        state = client.read_flow_run(UUID(record.flow_run_id)).state
    assert run.returncode != 0, said
    assert state is not None
    assert state.name == "Cancelled"
    states = {name: each.state_name for name, each in task_runs(record.flow_run_id).items()}
    assert states == {
        "ingest": "Completed",
        "features": "Cancelled",
        "evaluator": states["evaluator"],
        "evaluate": "Cancelled",
    }
    assert states["evaluator"] in {"Completed", "Cancelled"}
    assert list(toy.project.checkpoint_folder("features").glob("*/training/last"))
    assert read_records(toy.project)[0].state == "killed"


def test_the_deployment_takes_the_parameters_of_the_command(
    toy: Toy, prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.pipeline.flow import pipeline

    described = yaml.safe_load((REPOSITORY / PREFECT_FILE).read_text())
    entrypoints = [each["entrypoint"] for each in described["deployments"] if each["name"] == "pipeline"]
    assert entrypoints == ["flows/pipeline/flow.py:pipeline"]
    ours, theirs = inspect.signature(pipeline.fn).parameters, inspect.signature(lamp_run).parameters
    renamed = {"set": "assignments"}
    on_the_terminal = {"wait"}  # a worker always waits
    assert {renamed.get(name, name) for name in ours} - {"commit"} == set(theirs) - on_the_terminal
    shared = share(toy, tmp_path / "store", monkeypatch)
    asked = {"until": "features", "set": ["features.std_root_divisor=25"], "name": "nightly"}
    ended = pipeline(**asked, return_state=True)
    assert ended.is_completed(), ended
    assert shared.ran() == ["ingest", "features"]
    assert not shared.project.output("features").exists()  # it works in a workspace of the commit
    run = Tracking(shared.project).pipeline_runs(1)[0]
    assert run.data.params["features.std_root_divisor"] == "25.0"
    assert run.info.run_name == "nightly"
    assert run.data.tags["git_dirty"] == "false"
    assert list((tmp_path / "store").rglob("*.dir"))


def test_only_what_passes_by_itself_is_tried_again() -> None:
    from prefect.states import Failed

    from flows.pipeline.stage_task import is_passing, stage

    def is_retried(result: object) -> bool:
        return is_passing(None, None, Failed(message="", data=result))

    assert is_retried(RepositoryBusy("held"))
    assert is_retried(RemoteUnreachable("no route"))
    assert not is_retried(Outcome("failed", 1.0, error="bad data", is_bad_request=True))
    assert not is_retried(ValueError("a bug"))
    assert stage.retries == 5
    assert stage.retry_delay_seconds == [2, 4, 8, 16, 32]


def test_the_page_that_is_open_is_the_server_of_a_run(toy: Toy) -> None:
    assert open_page(toy.project) is None
    noted = {"MLflow": "http://127.0.0.1:5000", "Prefect": "http://127.0.0.1:4200/api"}
    note_pages(toy.project, noted)
    assert open_pages(toy.project) == noted
    assert open_page(toy.project) == "http://127.0.0.1:4200/api"
    gone = {"process": "999999999:x:1", "pages": noted}
    for text in (json.dumps(gone), "not whole"):
        (toy.project.state / "prefect" / "pages.json").write_text(text)
        assert open_page(toy.project) is None
