"""An experiment: each training of a row is a run of the pipeline, one after another or all on workers.

1. Plan every row before anything runs.
2. A row that finished with the same parameters, code and data keeps its numbers: nothing runs for it.
3. Every other row is a run of the pipeline up to ``until``; what rows share is computed once. Rows work in
   a snapshot, from which only numbers come back: one after another in the same, or on workers in one each.
4. After each row its numbers are written to ``data/experiments/NAME``; a row that failed says why.
"""

import platform
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from flows.experiments.plan import PRETRAIN, PlannedRow, plan_rows, run_key
from flows.parameters import configured
from flows.pipeline.display import LineDisplay
from flows.pipeline.run import PipelineResult, run_pipeline
from flows.pipeline.run_records import Asked
from flows.pipeline.stage_metrics import read_metrics
from flows.workers.runner import WorkersRunner
from lamp_core.config import Config
from lamp_core.config.experiment import Experiment, assignments
from lamp_core.errors import LampError
from lamp_core.evaluation.results import Result, read_origins, read_results, stage_result
from lamp_core.report.experiment_results import (
    ExperimentRecord,
    ExperimentResults,
    RowRecord,
    experiment_names,
    read_experiment,
    write_experiment,
)
from lamp_core.report.experiments import chart_in_full, fit_in_full, in_full
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import RemoteVersions
from tasks.dvc.snapshot import snapshot
from tasks.dvc.versions import RepositoryBusy, Versions
from tasks.mlflow.tags import commit_label
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tasks.stage.output import replace_by_link
from tasks.stage.process_lock import only_process
from tasks.system.links import link
from tasks.system.redaction import masked

EVALUATOR = "evaluator"
RESULTS_FILE = "results.parquet"
ROWS_AT_ONCE = 16
"""On workers; what finds none waits in Prefect's queue."""

Say = Callable[[str], None]


class RowFailed(Exception):
    """A row cannot be measured; the others can."""


@dataclass
class ExperimentRun:
    """An experiment on its way.

    Args:
        project: the project.
        experiment: the experiment.
        rows: its rows, planned.
        say: tells the user how far it is.
        workers: whether its rows run on workers, side by side.
    """

    project: Project
    experiment: Experiment
    rows: Sequence[PlannedRow]
    say: Say
    workers: bool = False
    records: dict[str, RowRecord] = field(default_factory=dict)
    numbers: dict[str, Sequence[Result]] = field(default_factory=dict)
    writing: threading.Lock = field(default_factory=threading.Lock)
    runners: list[WorkersRunner] = field(default_factory=list)
    until_end: ExitStack = field(default_factory=ExitStack)
    shared: Project | None = None

    @property
    def folder(self) -> Path:
        """Where the numbers go."""
        return self.project.experiments / self.experiment.name

    @property
    def results(self) -> ExperimentResults:
        """What is known by now, rows in the order of the file."""
        described = self.experiment
        record = ExperimentRecord(
            name=described.name,
            title=described.title,
            description=described.description,
            until=described.until,
            tables=tuple(map(in_full, described.shown)),
            fits=tuple(map(fit_in_full, described.fits)),
            charts=tuple(map(chart_in_full, described.charts)),
            published=described.published,
            rows=tuple(self.records.values()),
        )
        return ExperimentResults(record, self.numbers)

    def recall(self) -> None:
        """Take over the rows that finished with the parameters, code and data of now."""
        known = experiment_names(self.project.experiments)
        older = read_experiment(self.folder) if self.experiment.name in known else None
        before = {row.label: row for row in older.record.rows} if older else {}
        for planned in self.rows:
            label, lamp = planned.label, self._kept_lamp(planned, self.project)
            is_known = planned.donor is None or lamp is not None
            key = self._key(self.project, self._config(planned, lamp)) if is_known else ""
            record = before.get(label)
            if older and record and record.state == "finished" and record.key == key:
                self.numbers[label] = older.of(record)
                self.records[label] = record.model_copy(update=_described(planned))
            else:
                self.records[label] = RowRecord.model_validate(
                    {"label": label, "key": key, **_described(planned)}
                )

    def run(self, labels: Collection[str]) -> None:
        """Run the rows that have not finished; only those of these labels, if there are any."""
        waiting = [
            planned
            for planned in self.rows
            if self.records[planned.label].state != "finished"
            if not labels or {planned.label, planned.row.label} & {*labels}
        ]
        for planned in self.rows:
            if planned not in waiting and self.records[planned.label].state == "finished":
                self.say(f"{planned.label}: finished before, with the same parameters, code and data")
        self._write()
        if waiting:
            Tracking(self.project).close_killed(self._tags())
        numbered = list(enumerate(waiting, start=1))
        if not self.workers:
            with self.until_end:
                for number, planned in numbered:
                    self._take_turn(planned, f"row {number} of {len(waiting)}")
            return
        if waiting:
            WorkersRunner(self.project).push_what_is_here()
        with ThreadPoolExecutor(ROWS_AT_ONCE, thread_name_prefix="row") as threads:
            turns = [
                threads.submit(self._take_turn, planned, f"row {number} of {len(waiting)}")
                for number, planned in numbered
            ]
            try:
                for turn in turns:
                    turn.result()
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                for runner in self.runners:
                    runner.interrupt_all()
                raise

    def _take_turn(self, planned: PlannedRow, which: str) -> None:
        self.say(f"{which}: {planned.label}")
        self._run_row(planned)
        with self.writing:
            self._write()

    def _run_row(self, planned: PlannedRow) -> None:
        """Measure a row, or note why it failed."""
        label = planned.label
        if (twin := self._twin(label)) is not None:
            self.say(f"{label}: measured with {twin.label}, whose parameters it has")
            self.numbers[label] = self.numbers[twin.label]
            self.records[label] = twin.model_copy(update={"label": label, **_described(planned)})
            return
        try:
            with self._place(planned.config) as place:
                config = self._config(planned, self._lamp(planned, place))
                key = self._key(place, config)
                result = self._pipeline(place, config, label, self.experiment.until)
                numbers, found = self._measured(place, result)
        except (RowFailed, RepositoryBusy, LampError) as error:
            self.numbers.pop(label, None)
            self.records[label] = self.records[label].model_copy(
                update={"state": "failed", "error": masked(str(error))}
            )
            self.say(f"{label} failed: {masked(str(error))}")
            return
        self.numbers[label] = numbers
        self.records[label] = self.records[label].model_copy(
            update={"state": "finished", "error": "", "key": key, **found}
        )

    def _twin(self, label: str) -> RowRecord | None:
        """A row that finished with the parameters of this one, which shows other systems of the same run."""
        key = self.records[label].key
        return next(
            (row for row in self.records.values() if row.key == key and row.state == "finished"), None
        )

    @contextmanager
    def _place(self, config: Config) -> Iterator[Project]:
        """The snapshot that a row runs in."""
        if self.workers:
            with snapshot(self.project, config, returns=False) as place:
                yield place
            return
        if self.shared is None:
            self.shared = self.until_end.enter_context(snapshot(self.project, config, returns=False))
        yield self.shared

    def _runner(self, place: Project) -> WorkersRunner:
        """Workers for a row; what only this machine can run, one row at a time runs here."""
        self.runners.append(WorkersRunner(place, is_pushed=True))
        return self.runners[-1]

    def _pipeline(self, place: Project, config: Config, label: str, until: str) -> PipelineResult:
        result = run_pipeline(
            place,
            config,
            Asked(
                until=until,
                name=f"{self.experiment.name}: {label}",
                tags=tuple(self._tags(label).items()),
                workers=self.workers,
            ),
            runner=self._runner if self.workers else None,
            display=LineDisplay(lambda line: self.say(f"{label}: {line}")) if self.workers else None,
        )
        if result.failed:
            stage, outcome = next(iter(result.failed.items()))
            log = place.log_file(stage)
            if log.exists():
                Tracking(self.project).keep_file(result.run_id, log)
            raise RowFailed(f"{stage}: {outcome.error}; its log is with MLflow run {result.run_id[:8]}")
        return result

    def _measured(
        self, place: Project, result: PipelineResult
    ) -> tuple[list[Result], dict[str, str | float]]:
        """The numbers of all stages of the run, and what they were measured on."""
        numbers: list[Result] = []
        versions = Versions(place, read_graph(place))
        version = versions.output_hash(next(iter(versions.graph))) or ""
        for stage in result.states:
            results = place.output(stage) / RESULTS_FILE
            if results.exists():
                numbers += read_results(results)
                version = next((origin.data_version for origin in read_origins(results)), version)
            else:
                metrics = read_metrics(place, stage)
                numbers += [stage_result(stage, name, value) for name, value in metrics.items()]
        return numbers, {
            "data_version": version,
            "evaluator_version": versions.output_hash(EVALUATOR) or "",
            "commit": commit_label(place),
            "run": result.run_id,
            "seconds": round(result.seconds, 1),
        }

    def _kept_lamp(self, planned: PlannedRow, place: Project) -> Path | None:
        """The LaMP from other data that a row needs, when the code of a folder has made it before."""
        if planned.donor is None:
            return None
        folder = self.project.pretrained_folder(self._key(place, planned.donor, PRETRAIN))
        return folder if folder.exists() else None

    def _lamp(self, planned: PlannedRow, place: Project) -> Path | None:
        """The LaMP from other data that a row needs, pretrained first when it is not there.

        It comes to the place of the row as well, under the same path.
        """
        if planned.donor is None:
            return None
        folder = self._kept_lamp(planned, place) or self._pretrained(planned, planned.donor, place)
        there = place.root / folder.relative_to(self.project.root)
        link(folder, there)
        return folder

    def _pretrained(self, planned: PlannedRow, donor: Config, place: Project) -> Path:
        """Pretrain a LaMP on other data, and keep it."""
        folder = self.project.pretrained_folder(self._key(place, donor, PRETRAIN))
        label = f"LaMP on {donor.ingest.data}"
        self.say(f"{planned.label}: first the {label}")
        try:
            self._pipeline(place, donor, label, PRETRAIN)
        except RowFailed as error:
            raise RowFailed(f"{label}: {error}") from error
        if not place.output(PRETRAIN).exists():
            RemoteVersions(place, read_graph(place)).pull([PRETRAIN])
        folder.parent.mkdir(parents=True, exist_ok=True)
        replace_by_link(place.output(PRETRAIN), folder)
        return folder

    def _config(self, planned: PlannedRow, lamp: Path | None) -> Config:
        if lamp is None:
            return planned.config
        folder = lamp.relative_to(self.project.root).as_posix()
        return configured(self.project, planned.config, assignments=[f"pretrain.pretrained={folder}"])

    def _key(self, place: Project, config: Config, until: str = "") -> str:
        """Of a run in this folder, by default of a row: of the code of now, or of that of the row's snapshot.

        A snapshot gets the data set that the parameters name beside it first.
        """
        named = nullcontext(place) if place is self.project else snapshot(place, config, returns=False)
        with named as there:
            return run_key(there, config, until or self.experiment.until)

    def _tags(self, label: str | None = None) -> dict[str, str]:
        """Tags of the runs of this experiment in this folder, or of one row."""
        tags = {
            "experiment": self.experiment.name,
            "project": str(self.project.root),
            "machine": platform.node(),
        }
        return tags if label is None else {**tags, "row": label}

    def _write(self) -> None:
        write_experiment(self.folder, self.results)


def run_experiment(
    project: Project,
    experiment: Experiment,
    say: Say,
    *,
    data: str | None = None,
    profile: str | None = None,
    assigned: Sequence[str] = (),
    labels: Collection[str] = (),
    workers: bool = False,
) -> ExperimentResults:
    """Run the rows of an experiment that have not finished; parameters and outputs here stay as they are.

    Args:
        project: the project.
        experiment: the experiment.
        say: tells the user how far it is.
        data: data set of the rows that name none, in place of the base's.
        profile: in place of the base's.
        assigned: ``a.b=c`` added to the base.
        labels: run these rows, or trainings of rows, only; empty: all.
        workers: run the rows side by side on the workers.

    Raises:
        LampError: a row that cannot be planned, an unknown label, or this experiment runs already.
    """
    rows = plan_rows(project, experiment, data=data, profile=profile, assigned=assigned)
    known = list(dict.fromkeys(label for planned in rows for label in (planned.row.label, planned.label)))
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise LampError(f"unknown row '{unknown[0]}'; known: {', '.join(known)}")
    with only_process(
        project.hold_file(f"experiment-{experiment.name}"), f"experiment '{experiment.name}'", patience=0.0
    ):
        running = ExperimentRun(project, experiment, rows, say, workers)
        running.recall()
        running.run(labels)
    return running.results


def _described(planned: PlannedRow) -> dict[str, object]:
    """What a record says of its row before it runs."""
    return {
        "row": planned.row.label,
        "seed": planned.seed,
        "changed": tuple(assignments(planned.row.set)),
        "data": planned.config.ingest.data,
        "profile": planned.config.profile,
        "pretrained_on": planned.donor.ingest.data if planned.donor else "",
        "published": planned.row.published,
        "check": planned.row.check,
        "shows": planned.row.shows,
    }
