"""MLflow's store as it is read: ``mlflow.db`` in the project, or the server of ``MLFLOW_TRACKING_URI``.

MLflow is imported when it is first needed: that takes seconds.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from lamp_core.errors import LampError
from tasks.mlflow.outbox import Outbox
from tasks.mlflow.relocation import follow_move
from tasks.project import Project
from tasks.system.servers import answers, reach_local_servers, sqlite_address

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

URI = "MLFLOW_TRACKING_URI"
STORE_FILE, ARTIFACTS, DVC_FOLDER = "mlflow.db", "mlartifacts", ".dvc"
EXPERIMENT = "lamp"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's page then opens with the runs and charts of a training, not with traces of language models."""
PIPELINE, STAGE = "pipeline", "stage"
SECONDS_HEARD = {True: 2.0, False: 5.0}
"""How long it holds that a server answers, or does not."""
BUSY_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0)
_LOADING = threading.Lock()
RUN_ID = re.compile(r"[0-9a-f]{1,32}")
NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")

Result = TypeVar("Result")


def tracking_uri(project: Project) -> str:
    """``MLFLOW_TRACKING_URI``, or the SQLite store in the project."""
    return os.environ.get(URI) or sqlite_address(home_of(project) / STORE_FILE)


def equals(field: str, value: str) -> str:
    """MLflow's words for runs whose field has a value, with apostrophes or without."""
    if "'" not in value:
        return f"{field} = '{value}'"
    if '"' not in value:
        return f'{field} = "{value}"'
    return f"{field} LIKE '{value.replace(chr(39), '_')}'"  # one character, whatever it is


def tagged(tags: Mapping[str, str]) -> str:
    """MLflow's words for runs with these tags."""
    return " and ".join(equals(f"tags.`{name}`", value) for name, value in tags.items())


def server_command(host: str, port: int) -> list[str]:
    """The command of MLflow's server; its store is that of the environment, since it may hold a password."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", host, "--port", str(port)),
    ]


def home_of(project: Project) -> Path:
    """The folder whose store a project uses: its own; of a snapshot or a copy of DVC, that of the user."""
    inside = next((folder for folder in project.home.parents if folder.name == DVC_FOLDER), None)
    return inside.parent if inside is not None else project.home


def server_page(project: Project) -> str | None:
    """Address of the server that keeps the store, without its password; None where the store is a file."""
    parts = urlsplit(tracking_uri(project))
    if parts.scheme not in {"http", "https"}:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl().rstrip("/")


def outbox_of(project: Project) -> Outbox:
    """What waits for the server that is named now: each has a folder of its own."""
    server = hashlib.sha256((server_page(project) or "").encode()).hexdigest()[:12]
    return Outbox(Project(home_of(project)).state / "outbox" / server)


class StoreAway(LampError):
    """MLflow's server does not answer now; it passes by itself."""


class Store:
    """The store of a project, and what is found in it.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.outbox = outbox_of(project)
        self._heard: tuple[float, bool] | None = None

    @property
    def client(self) -> "MlflowClient":
        """The store, opened at first use.

        Raises:
            StoreAway: its server does not answer.
        """
        if not self._answers():
            raise self.away()
        return self._client

    def away(self) -> StoreAway:
        """The error that says that the server does not answer."""
        return StoreAway(f"MLflow at {server_page(self.project)} does not answer; is its server up?")

    @cached_property
    def _client(self) -> "MlflowClient":
        load_mlflow()
        from mlflow import MlflowClient

        home = home_of(self.project)
        before = None if os.environ.get(URI) else follow_move(home / STORE_FILE, EXPERIMENT, home / ARTIFACTS)
        if before is not None:
            print(f"MLflow's files were in {before}, and are in {home / ARTIFACTS} now", file=sys.stderr)
        return MlflowClient(tracking_uri(self.project))

    @cached_property
    def experiment_id(self) -> str:
        """The project's experiment, made at first use."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        return found.experiment_id if found else self._create_experiment()

    def id_of(self, run_id: str) -> str:
        """The id that the store has given a run whose start was kept; of others, their own."""
        return self.outbox.id_of(run_id)

    def last_step(self, run_id: str, name: str) -> int:
        """The last step at which a run measured a metric; -1 when it never did."""
        history = self.client.get_metric_history(self.id_of(run_id), metric_name(name))
        return max((metric.step for metric in history), default=-1)

    def page(self, run_id: str) -> str | None:
        """Address of a run's page; None where no server shows it yet."""
        server = server_page(self.project)
        try:
            return server and f"{server}/#/experiments/{self.experiment_id}/runs/{self.id_of(run_id)}"
        except StoreAway:
            return None

    def maker(self, stage: str, lock_hash: str, output_hash: str = "") -> str | None:
        """The run that made a stage's output.

        Args:
            stage: the stage.
            lock_hash: hash of the stage's entry in ``dvc.lock``.
            output_hash: DVC's hash of the output, by which a run is known that DVC alone has started.
        """
        for name, value in (("lock_hash", lock_hash), ("output_hash", output_hash)):
            wanted = tagged({"kind": STAGE, "stage": stage, name: value})
            found = value and self.client.search_runs(
                [self.experiment_id], wanted, max_results=1, order_by=["attributes.start_time DESC"]
            )
            if found:
                return str(found[0].info.run_id)
        return None

    def pipeline_runs(
        self, count: int, *, finished: bool = False, tags: Mapping[str, str] | None = None
    ) -> list["Run"]:
        """The last pipeline runs, the newest first.

        Args:
            count: at most.
            finished: leave out those that failed, were killed, or still run.
            tags: that they have.
        """
        wanted = [tagged({"kind": PIPELINE, **(tags or {})})]
        wanted += ["attributes.status = 'FINISHED'"] if finished else []
        return list(
            self.client.search_runs(
                [self.experiment_id],
                " and ".join(wanted),
                max_results=count,
                order_by=["attributes.start_time DESC"],
            )
        )

    def pipelines_called(self, name: str) -> list["Run"]:
        """Pipeline runs by name or beginning of the id, or by name or id of the Prefect flow run."""
        found = [run for run in self.named(name) if run.data.tags.get("kind") == PIPELINE]
        for tag in ("flow_run_name", "flow_run"):
            found = found or self.pipeline_runs(1, tags={tag: name})
        return found

    def bring(self, run_id: str, artifacts: str, folder: Path) -> bool:
        """Put a folder of a run's artifacts here; whether the run has it."""
        load_mlflow()
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as scratch:
            try:
                brought = Path(self.client.download_artifacts(run_id, artifacts, scratch))
            except (MlflowException, OSError):
                return False
            if not any(brought.iterdir()):
                return False
            shutil.copytree(brought, folder, dirs_exist_ok=True)
        return True

    def named(self, name: str) -> list["Run"]:
        """Runs whose name is, or whose id begins with, ``name``."""
        wanted = [equals("attributes.run_name", name)]
        wanted += [f"attributes.run_id LIKE '{name}%'"] if RUN_ID.fullmatch(name) else []
        found = {
            run.info.run_id: run
            for words in wanted
            for run in self.client.search_runs(
                [self.experiment_id], words, order_by=["attributes.start_time DESC"], max_results=1000
            )
        }
        return sorted(found.values(), key=lambda run: -run.info.start_time)

    def _answers(self) -> bool:
        """Whether the store's server answers; True of a file. What was heard holds for seconds."""
        now = time.monotonic()
        if self._heard is None or now - self._heard[0] > SECONDS_HEARD[self._heard[1]]:
            self._heard = (time.monotonic(), answers(tracking_uri(self.project)))
        return self._heard[1]

    def _create_experiment(self) -> str:
        """Make the experiment; its files lie in the project unless a server keeps them."""
        is_local = tracking_uri(self.project).startswith("sqlite")
        folder = (home_of(self.project) / ARTIFACTS).as_uri() if is_local else None
        made = self.client.create_experiment(EXPERIMENT, artifact_location=folder, tags=EXPERIMENT_TAGS)
        return str(made)


def load_mlflow() -> None:
    """Import MLflow, by one thread at a time.

    Its packages import each other in circles. Two threads that enter at different places meet half-made
    modules, and one of them fails. Whoever uses MLflow in a thread calls this first.
    """
    keep_quiet()
    with _LOADING:
        import mlflow  # noqa: F401


def keep_quiet() -> None:
    """Set what MLflow reads at import: no calls home, warnings only, no bars, no minutes of trying again."""
    reach_local_servers()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def metric_name(name: str) -> str:
    """A name with the characters that MLflow takes."""
    return NOT_IN_NAMES.sub("_", name)


def patiently(call: Callable[[], Result]) -> Result:
    """Call, and call again while another process writes to the SQLite store."""
    load_mlflow()
    from mlflow.exceptions import MlflowException

    for seconds in BUSY_SECONDS:
        try:
            return call()
        except MlflowException as error:
            if "database is locked" not in str(error):
                raise
            time.sleep(seconds)
    return call()
