"""What was measured: the only caller of MLflow.

The store is ``mlflow.db`` in the project, or the server that ``MLFLOW_TRACKING_URI`` names. MLflow is
imported when it is first needed: that takes seconds.
"""

import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tasks.project import Project
from tasks.system.processes import ProcessMark
from tasks.system.redaction import masked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "lamp"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's page then opens with the runs and charts of a training, not with traces of language models."""
PIPELINE, STAGE = "pipeline", "stage"
METRICS_A_BATCH = 1000
PARAMS_A_BATCH = 100
BUSY_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0)
NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")

Ending = Literal["FINISHED", "FAILED", "KILLED"]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Scalar:
    """One measured number.

    Args:
        name: of the metric.
        value: finite, or it is left out.
        step: of the training; 0 for a result.
        milliseconds: since the epoch.
    """

    name: str
    value: float
    step: int
    milliseconds: int

    @classmethod
    def now(cls, name: str, value: float, step: int = 0) -> "Scalar":
        """A number measured at this moment."""
        return cls(name, float(value), step, int(time.time() * 1000))


def tracking_uri(project: Project) -> str:
    """``MLFLOW_TRACKING_URI``, or the SQLite store in the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.home / 'mlflow.db'}"


def server_page(project: Project) -> str | None:
    """Address of the server that keeps the store, without its password; None where the store is a file."""
    parts = urlsplit(tracking_uri(project))
    if parts.scheme not in {"http", "https"}:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl().rstrip("/")


class Tracking:
    """Runs in the project's MLflow store."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def client(self) -> "MlflowClient":
        """The store, opened at first use."""
        keep_quiet()
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri(self.project))

    @cached_property
    def experiment_id(self) -> str:
        """The project's experiment, made at first use."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        return found.experiment_id if found else self._create_experiment()

    def start(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, Any], *, parent: str | None = None
    ) -> str:
        """Start a run, nested under ``parent`` when there is one, and return its id."""
        from mlflow.entities import Param

        nested = {"mlflow.parentRunId": parent} if parent else {}
        run = patiently(
            lambda: self.client.create_run(self.experiment_id, tags={**_shown(tags), **nested}, run_name=name)
        )
        entries = [Param(key, value) for key, value in _shown(params).items()]
        for batch in _batches(entries, PARAMS_A_BATCH):
            patiently(partial(self.client.log_batch, run.info.run_id, params=batch))
        return str(run.info.run_id)

    def go_on(self, run_id: str) -> bool:
        """Mark an interrupted run as running again; False when the store does not have it."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.update_run(run_id, status="RUNNING")
        except MlflowException:
            return False
        return True

    def log(self, run_id: str, scalars: Iterable[Scalar]) -> None:
        """Write numbers, those that are not finite left out."""
        from mlflow.entities import Metric

        entries = [
            Metric(metric_name(scalar.name), scalar.value, scalar.milliseconds, scalar.step)
            for scalar in scalars
            if math.isfinite(scalar.value)
        ]
        for batch in _batches(entries, METRICS_A_BATCH):
            patiently(partial(self.client.log_batch, run_id, metrics=batch))

    def last_step(self, run_id: str, name: str) -> int:
        """The last step at which a run measured a metric; -1 when it never did."""
        history = self.client.get_metric_history(run_id, metric_name(name))
        return max((metric.step for metric in history), default=-1)

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        patiently(lambda: self.client.log_batch(run_id, tags=[RunTag(*tag) for tag in _shown(tags).items()]))

    def keep_file(self, run_id: str, path: Path) -> None:
        """Store a copy of a file with a run."""
        self.client.log_artifact(run_id, str(path))

    def keep_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text as a file with a run."""
        self.client.log_text(run_id, text, name)

    def keep_outputs(self, run_id: str, outputs: Iterable[Path], root: Path, folder: str = "") -> None:
        """Store a stage's files with a run, under ``folder`` and their paths below ``root``.

        Where the artifacts lie on this file system a file gets a second name there, and no byte is copied: a
        stage never writes into a file of its output again.
        """
        place = self._local_artifacts(run_id)
        for path in outputs:
            inside = (Path(folder) / path.relative_to(root)).parent
            if place is None or not _linked(path, place / inside / path.name):
                self.client.log_artifact(run_id, str(path), inside.as_posix() if inside.parts else None)

    def page(self, run_id: str) -> str | None:
        """Address of a run's page; None where the store is a file that no server shows yet."""
        server = server_page(self.project)
        return server and f"{server}/#/experiments/{self.experiment_id}/runs/{run_id}"

    def finish(self, run_id: str, ending: Ending) -> None:
        """Close a run."""
        patiently(lambda: self.client.set_terminated(run_id, status=ending))

    def close_killed(self, tags: Mapping[str, str]) -> None:
        """Close the pipeline runs with these tags that a killed process has left running."""
        wanted = {"kind": PIPELINE, **tags}
        words = [f"tags.{name} = '{value}'" for name, value in wanted.items()]
        running = " and ".join([*words, "attributes.status = 'RUNNING'"])
        for run in self.client.search_runs([self.experiment_id], running):
            self.finish(run.info.run_id, "KILLED")

    def close_dead(self) -> int:
        """Close the runs that killed processes of this machine have left running; return how many.

        A run without the mark of its process, or of another machine, is left alone.
        """
        wanted = f"tags.machine = '{platform.node()}' and attributes.status = 'RUNNING'"
        closed = 0
        for run in self.client.search_runs([self.experiment_id], wanted):
            mark = ProcessMark.read(run.data.tags.get("process", ""))
            if mark is not None and not mark.is_alive:
                self.finish(run.info.run_id, "KILLED")
                closed += 1
        return closed

    def maker(self, stage: str, lock_hash: str) -> str | None:
        """The run that made a stage's output, by the hash of the stage's entry in ``dvc.lock``."""
        wanted = f"tags.kind = '{STAGE}' and tags.stage = '{stage}' and tags.lock_hash = '{lock_hash}'"
        found = self.client.search_runs(
            [self.experiment_id], wanted, max_results=1, order_by=["attributes.start_time DESC"]
        )
        return str(found[0].info.run_id) if found else None

    def pipeline_runs(self, count: int) -> list["Run"]:
        """The last pipeline runs, the newest first."""
        return list(
            self.client.search_runs(
                [self.experiment_id],
                f"tags.kind = '{PIPELINE}'",
                max_results=count,
                order_by=["attributes.start_time DESC"],
            )
        )

    def named(self, name: str) -> list["Run"]:
        """Runs whose name is, or whose id begins with, ``name``."""
        runs = self.client.search_runs(
            [self.experiment_id], order_by=["attributes.start_time DESC"], max_results=1000
        )
        return [run for run in runs if run.info.run_name == name or run.info.run_id.startswith(name)]

    def _local_artifacts(self, run_id: str) -> Path | None:
        """The folder of a run's artifacts; None when a server keeps them."""
        place = urlsplit(self.client.get_run(run_id).info.artifact_uri)
        return Path(url2pathname(place.path)) if place.scheme in {"", "file"} else None

    def _create_experiment(self) -> str:
        """Make the experiment; its files lie in the project unless a server keeps them."""
        is_local = tracking_uri(self.project).startswith("sqlite:")
        folder = (self.project.home / "mlartifacts").as_uri() if is_local else None
        made = self.client.create_experiment(EXPERIMENT, artifact_location=folder, tags=EXPERIMENT_TAGS)
        return str(made)


def keep_quiet() -> None:
    """Set what MLflow reads at import: no calls home, warnings only, no bars."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def metric_name(name: str) -> str:
    """A name with the characters that MLflow takes."""
    return NOT_IN_NAMES.sub("_", name)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text, without secrets."""
    texts = {key: str(value) for key, value in values.items()}
    return {key: masked(text) for key, text in texts.items()}


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.link")
    try:
        os.link(source, temporary)
    except OSError:
        return False
    os.replace(temporary, target)
    return True


def _batches(entries: list[Any], size: int) -> Iterable[list[Any]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))


def patiently(call: Callable[[], Result]) -> Result:
    """Call, and call again while another process writes to the SQLite store."""
    from mlflow.exceptions import MlflowException

    for seconds in BUSY_SECONDS:
        try:
            return call()
        except MlflowException as error:
            if "database is locked" not in str(error):
                raise
            time.sleep(seconds)
    return call()
