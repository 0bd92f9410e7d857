"""The MLflow run of a pipeline run: its origin, all its parameters, and the metrics of all its stages."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.pipeline.artifacts import REPORT, keep_report
from flows.pipeline.stage_metrics import read_intervals, read_metrics
from flows.pipeline.standing_run import StandingRun
from flows.run_names import run_name
from lamp_core.config import Config
from tasks.dvc.snapshot import source_of
from tasks.dvc.versions import Versions
from tasks.mlflow.registry import lineage_of
from tasks.mlflow.store import PIPELINE, StoreAway
from tasks.mlflow.tags import origin_tags, params_hash
from tasks.mlflow.tracking import Ending, Scalar, Tracking, flatten
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tasks.system.git import patch_of
from tasks.system.redaction import warn

PATCH_FILE = "changes.patch"
"""What the user's files had that the commit has not; `git apply` makes the run's files of the commit."""
RECORD_FOLDER = "record"
"""What `lamp resume` needs, among the artifacts."""


class Opening:
    """The store, opened in the background: that takes seconds, in which DVC is asked.

    Args:
        project: the project.
        standing: the run that stands for this one if no stage has to run: it is not opened then.
    """

    def __init__(self, project: Project, standing: StandingRun) -> None:
        self.tracking, self.standing = Tracking(project), standing
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow")
        self._opened: Future[int] | None = None
        if standing.run_id is None:
            self.begin()

    def begin(self) -> "Future[int]":
        """Open the store, if nobody has begun to."""
        self._opened = self._opened or self.thread.submit(self.tracking.close_dead)
        return self._opened

    def wait(self) -> None:
        """Wait until the store is open; what went wrong is raised here."""
        self.begin().result()


EVALUATOR = "evaluator"


class PipelineRun(AbstractContextManager["PipelineRun"]):
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
        self.name = name or run_name(config)
        self.is_idle = False
        """Whether no stage had to run: no run is added then while an equal one stands."""
        self._stands = False
        self._tags = tags or {}
        self._opening, self._tracking = opening, opening.tracking
        self._makers: dict[str, str] = {}
        self._ran: list[str] = []

    @cached_property
    def run_id(self) -> str:
        """The id of the run, which starts here."""
        if self.is_idle and (known := self._opening.standing.run_id) is not None:
            self._stands = True
            return known
        self._opening.standing.forget()
        with suppress(StoreAway):  # told of when the run starts
            self._opening.wait()
            if self.is_idle and (equal := self._equal_run()) is not None:
                self._stands = True
                return equal
        config = self._config
        run_id = self._tracking.start(
            self.name,
            {**origin_tags(self._project, config), **self._own_tags},
            flatten(self._params),
        )
        if patch := patch_of(Project(self._project.home), source_of(self._project)):
            self._tracking.keep_text(run_id, patch, PATCH_FILE)
        return run_id

    def start(self) -> None:
        """Start the run."""
        assert self.run_id

    @property
    def _params(self) -> dict[str, Any]:
        return self._config.model_dump(mode="json")

    @property
    def _own_tags(self) -> dict[str, str]:
        return {**self._tags, "kind": PIPELINE, "stages": " ".join(self._names)}

    def _equal_run(self) -> str | None:
        """A finished run of the same name, stages, parameters and outputs."""
        lock_hash = self.versions.graph_hash() or ""
        tags = {**self._own_tags, "params_hash": params_hash(self._config), "lock_hash": lock_hash}
        found = self._tracking.pipeline_runs(50, finished=True, tags=tags)
        return next((str(run.info.run_id) for run in found if run.info.run_name == self.name), None)

    def keep(self, record: Iterable[Path]) -> None:
        """Store the run's record, by which another clone can go on with it."""
        for file in record:
            self._opening.thread.submit(self._tracking.keep_file, self.run_id, file, RECORD_FOLDER)

    def stage_ended(self, name: str, stage_run: str | None) -> None:
        """Link the run of a stage's process, under the hash by which later runs find it.

        A thread of its own writes: no other stage waits for a server.
        """
        self._ran.append(name)
        lock_hash = self.versions.lock_hash(name)
        if stage_run is None or lock_hash is None:
            self._opening.thread.submit(self._tracking.flush)
            return
        self._makers[name] = stage_run
        lineage = lineage_of(self.versions, name, read_metrics(self._project, name))
        tags = {"lock_hash": lock_hash, "flow_parent": self.run_id, "data_version": lineage["data_version"]}
        self._opening.thread.submit(self._link, name, stage_run, tags, lineage)

    def _link(self, name: str, stage_run: str, tags: Mapping[str, str], lineage: Mapping[str, str]) -> None:
        try:
            self._tracking.tag(stage_run, tags)
            self._tracking.note_data(stage_run, self._config.ingest.data, tags["data_version"])
            self._tracking.register(stage_run, name, lineage)
        except Exception as error:  # any failure of a store: the run's work must stand
            warn(f"MLflow does not link {name}: {error}")

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            self.ending = "FAILED"
        run_id = self.run_id
        if self._stands:
            return
        good = list(self.up_to_date())
        self._opening.thread.shutdown(wait=True)
        hashes = {
            name: (found, self.versions.output_hash(name) or "")
            for name in good
            if (found := self.versions.lock_hash(name))
        }
        makers = {name: run for name, run in self._makers.items() if name in hashes}
        tags = self._closing_tags()
        self._tracking.tag(run_id, tags)
        self._tracking.link(run_id, hashes, makers)
        self._tracking.note_data(run_id, self._config.ingest.data, tags["data_version"])
        self._tracking.log(run_id, self._metrics(good))
        if REPORT in self._ran:
            keep_report(self._tracking, self._project, run_id)
        self._tracking.finish(run_id, self.ending)

    def _closing_tags(self) -> dict[str, str]:
        """Versions of the data and of the evaluator, without which numbers do not compare."""
        first = next(iter(self.versions.graph))
        tags = {
            "lock_hash": self.versions.graph_hash() or "",
            "ran": " ".join(self._ran),
            "data_version": self.versions.output_hash(first) or "",
        }
        if EVALUATOR in self.versions.graph:
            tags["evaluator_version"] = self.versions.output_hash(EVALUATOR) or ""
        return {name: value for name, value in tags.items() if value or name != "evaluator_version"}

    def _metrics(self, good: Collection[str]) -> list[Scalar]:
        """All metrics of all stages, ``stage/metric``, those of skipped stages too.

        A stage that failed, or is stale and not part of the run, still has the metrics of other parameters:
        they are none of this run.
        """
        values = {
            f"{name}/{metric}": value
            for name in good
            for metric, value in read_metrics(self._project, name).items()
        }
        for stage in CATALOGUE.evaluations():
            values |= read_intervals(self._project, stage) if stage in good else {}
        return [Scalar.now(name, value) for name, value in values.items()]
