"""Entries for MLflow, carried out: at once, or when the server is back.

An entry says what to do with a run in values alone, so that a file can keep it. What has to be looked up in
the store, such as the run that made an output, is looked up here and not when the entry is written.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.mlflow.outbox import Entry

if TYPE_CHECKING:
    from tasks.mlflow.tracking import Tracking

METRICS_A_BATCH = 1000
PARAMS_A_BATCH = 100
DIGEST_LENGTH = 36
"""Of a data set's version, at most, in MLflow."""
REPORT = "report"


def deliver(tracking: "Tracking", entry: Entry) -> str:
    """Carry an entry out, and return the id that its run has in the store."""
    return DELIVERIES[entry["do"]](tracking, entry["run"], entry) or str(entry["run"])


def _start(tracking: "Tracking", run_id: str, entry: Entry) -> str:
    return tracking.outbox.ids().get(run_id) or _create(tracking, entry)


def _go_on(tracking: "Tracking", run_id: str, entry: Entry) -> str:
    """Mark a run as running again; one that the store has lost starts anew."""
    from mlflow.exceptions import MlflowException

    try:
        tracking.client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        run_id = _create(tracking, entry)
        _params(tracking, run_id, entry)
    _tag(tracking, run_id, entry)
    return run_id


def _create(tracking: "Tracking", entry: Entry) -> str:
    made = tracking.client.create_run(
        tracking.experiment_id, start_time=entry["started"], tags=entry["tags"], run_name=entry["name"]
    )
    return str(made.info.run_id)


def _params(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    from mlflow.entities import Param

    for batch in _batches([Param(*pair) for pair in entry["params"].items()], PARAMS_A_BATCH):
        tracking.client.log_batch(run_id, params=batch)


def _log(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    from mlflow.entities import Metric

    scalars = entry["scalars"]
    if entry["goes_on"]:
        scalars = [each for each in scalars if each[2] > tracking.last_step_before(run_id, each[0])]
    for batch in _batches(
        [Metric(name, value, at, step) for name, value, step, at in scalars], METRICS_A_BATCH
    ):
        tracking.client.log_batch(run_id, metrics=batch)


def _tag(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    from mlflow.entities import RunTag

    tracking.client.log_batch(run_id, tags=[RunTag(*pair) for pair in entry["tags"].items()])


def _finish(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    tracking.client.set_terminated(run_id, status=entry["ending"], end_time=entry["ended"])


def _file(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    path = Path(entry["path"])
    if path.exists() and not (entry.get("is_final") and tracking.linked(run_id, path, entry["folder"])):
        tracking.client.log_artifact(run_id, str(path), entry["folder"] or None)
    if entry["is_kept"]:
        tracking.outbox.forget_file(path)


def _data(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    """MLflow's own column of data sets: name and version."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    version, name = entry["version"][:DIGEST_LENGTH], entry["name"]
    data = Dataset(name, version, "local", f'{{"uri": "data/sources/{name}.yaml"}}')
    tag = InputTag("mlflow.data.context", "training")
    tracking.client.log_inputs(run_id, [DatasetInput(data, [tag])])


def _link(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    """What is known of a run by the runs that made its outputs, stages that were fresh among them.

    ``stage.NAME.run``; ``device`` on which they were made; ``artifacts_run``, the pipeline run that holds the
    report; in MLflow's own column, their models.
    """
    makers: dict[str, str] = dict(entry["makers"])
    for stage, hashes in entry["stages"].items():
        found = makers.get(stage) or tracking.maker(stage, *hashes)
        makers |= {stage: found} if found else {}
    found_runs = {stage: tracking.client.get_run(maker) for stage, maker in makers.items()}
    runs = {stage: run.data.tags for stage, run in found_runs.items()}
    models = [model for run in found_runs.values() if run.outputs for model in run.outputs.model_outputs]
    if models:
        tracking.client.log_outputs(run_id, models)
    tags = {f"stage.{stage}.run": maker for stage, maker in makers.items()}
    if devices := sorted({found["device"] for found in runs.values() if found.get("device")}):
        tags["device"] = " ".join(devices)
    if holder := runs.get(REPORT, {}).get("flow_parent"):
        tags["artifacts_run"] = holder
    _tag(tracking, run_id, {"tags": tags})


def _register(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    from tasks.mlflow.registry import Registry

    Registry(tracking).make_version(entry["stage"], run_id, entry["tags"])


def _nothing(tracking: "Tracking", run_id: str, entry: Entry) -> None:
    """Half a line, as a crash of the machine leaves it."""


DELIVERIES: Mapping[str, Callable[["Tracking", str, Entry], str | None]] = {
    "start": _start,
    "params": _params,
    "log": _log,
    "tag": _tag,
    "go on": _go_on,
    "finish": _finish,
    "file": _file,
    "data": _data,
    "link": _link,
    "register": _register,
    "nothing": _nothing,
}


def _batches(entries: list[Any], size: int) -> Iterable[list[Any]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))
