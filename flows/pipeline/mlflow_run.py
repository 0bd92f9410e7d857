"""The MLflow run of a pipeline run: its origin, all its parameters, and the metrics of all its stages."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import TracebackType

from flows.pipeline.artifacts import REPORT, keep_report, output_tags
from lamp_core.config import Config
from tasks.dvc.snapshot import source_of
from tasks.dvc.versions import Versions
from tasks.mlflow.registry import Registry
from tasks.mlflow.tags import origin_tags
from tasks.mlflow.tracking import PIPELINE, Ending, Scalar, Tracking, flatten
from tasks.project import Project
from tasks.system.git import patch_of

PATCH_FILE = "changes.patch"
"""What the user's files had that the commit has not; `git apply` makes the run's files of the commit."""


class Opening:
    """The store, opened in the background: that takes seconds, in which DVC is asked.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self.tracking = Tracking(project)
        opener = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow")
        self._opened = opener.submit(self.tracking.close_dead)

    def wait(self) -> None:
        """Wait until the store is open; what went wrong is raised here."""
        self._opened.result()


class PipelineRun:
    """The run starts when its id is first asked for, as soon as the store is open.

    Args:
        opening: the store.
        project: the project.
        versions: what DVC says of it.
        config: its parameters.
        names: stages of the run.
        name: of the MLflow run; data set and profile by default.
        tags: of the MLflow run, beside those of every run.
    """

    def __init__(
        self,
        opening: "Opening",
        project: Project,
        versions: Versions,
        config: Config,
        names: Sequence[str],
        *,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.ending: Ending = "FAILED"
        self.up_to_date: Callable[[], Collection[str]] = tuple
        self._project, self.versions, self._config, self._names = project, versions, config, names
        self._name = name or f"{config.ingest.data}-{config.profile}"
        self._tags = tags or {}
        self._opening, self._tracking = opening, opening.tracking
        self._makers: dict[str, str] = {}
        self._ran: list[str] = []

    @cached_property
    def run_id(self) -> str:
        """The id of the run, which starts here."""
        self._opening.wait()
        config = self._config
        tags = {"kind": PIPELINE, "stages": " ".join(self._names)}
        run_id = self._tracking.start(
            self._name,
            {**origin_tags(self._project, config), **self._tags, **tags},
            flatten(config.model_dump(mode="json")),
        )
        if patch := patch_of(Project(self._project.home), source_of(self._project)):
            self._tracking.keep_text(run_id, patch, PATCH_FILE)
        return run_id

    def start(self) -> None:
        """Start the run."""
        assert self.run_id

    def stage_ended(self, name: str, stage_run: str | None) -> None:
        """Link the run of a stage's process, under the hash by which later runs find it."""
        self._ran.append(name)
        lock_hash = self.versions.lock_hash(name)
        if stage_run is None or lock_hash is None:
            return
        data_version = self.versions.output_hash(next(iter(self.versions.graph))) or ""
        self._tracking.tag(
            stage_run, {"lock_hash": lock_hash, "flow_parent": self.run_id, "data_version": data_version}
        )
        self._makers[name] = stage_run
        Registry(self._tracking).register(self.versions, name, stage_run, read_metrics(self._project, name))

    def __enter__(self) -> "PipelineRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.ending = "FAILED" if issubclass(kind, Exception) else "KILLED"
        self._tracking.tag(self.run_id, self._closing_tags())
        self._tracking.log(self.run_id, self._metrics())
        if REPORT in self._ran:
            keep_report(self._tracking, self._project, self.run_id)
        self._tracking.finish(self.run_id, self.ending)

    def _closing_tags(self) -> dict[str, str]:
        """Versions of the data, and for every stage the run that made its output."""
        tags = {"lock_hash": self.versions.graph_hash() or "", "ran": " ".join(self._ran)}
        first = next(iter(self.versions.graph))
        tags["data_version"] = self.versions.output_hash(first) or ""
        makers: dict[str, str] = {}
        for name in self.up_to_date():
            lock_hash = self.versions.lock_hash(name)
            maker = self._makers.get(name) or (self._tracking.maker(name, lock_hash) if lock_hash else None)
            if maker is not None:
                tags[f"stage.{name}.run"] = makers[name] = maker
        return tags | output_tags(self._tracking, self.versions, makers)

    def _metrics(self) -> list[Scalar]:
        """All metrics of all stages, ``stage/metric``, those of skipped stages too.

        A stage that failed, or is stale and not part of the run, still has the metrics of other parameters:
        they are none of this run.
        """
        return [
            Scalar.now(f"{name}/{metric}", value)
            for name in self.up_to_date()
            for metric, value in read_metrics(self._project, name).items()
        ]


def read_metrics(project: Project, stage: str) -> dict[str, float]:
    """The finite metrics in ``data/metrics/STAGE.json``; empty before the stage ran."""
    path = project.metrics_file(stage)
    values = json.loads(path.read_text()) if path.exists() else {}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}
