"""What an experiment measured: ``experiment.json`` (rows and tables) and ``results.parquet`` (the numbers).

Both lie in ``data/experiments/NAME``. A number belongs to its row by label and key, so that numbers of an
older run of the row are never shown as those of a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from lamp_core.config.experiment import Chart, Published, ResultTable, ScalingFit
from lamp_core.config.models import Section
from lamp_core.errors import LampError
from lamp_core.evaluation.results import RESULT, Result
from lamp_core.io.parquet import atomic_path, field, read_table, write_table

RECORD_FILE, RESULTS_FILE = "experiment.json", "results.parquet"
REMEDY = "remove it and run `lamp experiment` again"
SCHEMA = pa.schema(
    [
        field("row", pa.string(), "label of the experiment's row"),
        field("key", pa.string(), "hash of what decides the row"),
        *RESULT,
    ]
)
"""The columns of ``results.parquet`` of an experiment."""


class RowRecord(Section):
    """How a row ended, and all that decides what its numbers may be compared with."""

    label: str = Field(description="what the row is called; of a further seed, with the seed")
    row: str = Field("", description="label of the row in the file, which its trainings share; empty: label")
    seed: int = Field(0, description="added to the seeds of all that trains")
    trainings: int = Field(1, description="behind its numbers, in what `over_seeds` returns")
    state: Literal["waiting", "failed", "finished"] = "waiting"
    error: str = Field("", description="why it failed")
    key: str = Field("", description="hash of parameters, code and data of all its stages")
    changed: tuple[str, ...] = Field((), description="parameters of the row's own, a.b=value")
    data: str = Field("", description="data set")
    data_version: str = Field("", description="hash of the data set")
    pretrained_on: str = Field("", description="data set of its LaMP, when that is another one")
    profile: str = Field("", description="profile its parameters started from")
    evaluator_version: str = Field("", description="hash of the evaluator that was trained here")
    commit: str = Field("", description="git commit, with (modified) when the tree was dirty")
    run: str = Field("", description="MLflow run")
    seconds: float = Field(0.0, description="of the run that measured it")
    published: dict[str, str] = Field({}, description="published values as text, by metric")
    check: bool = Field(False, description="fits are not made of it; they predict it")
    shows: dict[str, str] = Field({}, description="by a column's system, the one shown in its place")

    def shown_as(self, system: str) -> str | None:
        """The column's system in whose place a system stands in this row, by default its own.

        None where another one stands in its place.
        """
        stands_for = next((own for own, other in self.shows.items() if other == system), system)
        return None if stands_for == system and system in self.shows else stands_for

    @property
    def of_row(self) -> str:
        """Label of the row in the file."""
        return self.row or self.label

    @property
    def told(self) -> str:
        """How it ended, in words."""
        words = {
            "waiting": "not run yet",
            "finished": self.error or "finished",
            "failed": f"failed: {self.error}",
        }
        return words[self.state]

    @property
    def measured_on(self) -> tuple[str, str, str]:
        """Data and evaluator behind its numbers: only where they agree do numbers share a table."""
        return self.data, self.data_version, self.evaluator_version


class ExperimentRecord(Section):
    """An experiment with the state of its rows."""

    name: str
    title: str
    description: str = ""
    until: str = Field(description="last stage of the rows")
    tables: tuple[ResultTable, ...]
    fits: tuple[ScalingFit, ...] = ()
    charts: tuple[Chart, ...] = ()
    published: Published | None = None
    rows: tuple[RowRecord, ...]


@dataclass(frozen=True)
class ExperimentResults:
    """An experiment with its numbers.

    Args:
        record: the experiment and its rows.
        numbers: by the label of their row; a row that did not finish has none.
    """

    record: ExperimentRecord
    numbers: Mapping[str, Sequence[Result]]

    def of(self, row: RowRecord) -> Sequence[Result]:
        """The numbers of a row."""
        return self.numbers.get(row.label, ())


def write_experiment(folder: Path, experiment: ExperimentResults) -> None:
    """Write both files; a reader finds each as it was or as it is now."""
    rows = [
        {"row": row.label, "key": row.key, **asdict(number)}
        for row in experiment.record.rows
        for number in experiment.of(row)
    ]
    with atomic_path(folder / RECORD_FILE) as record:
        record.write_text(experiment.record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        write_table(folder / RESULTS_FILE, rows, SCHEMA)


def read_experiment(folder: Path) -> ExperimentResults:
    """Read what `write_experiment` wrote.

    Raises:
        LampError: there is no experiment in the folder, or another version wrote it.
    """
    try:
        record = ExperimentRecord.model_validate_json((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LampError(f"no experiment in {folder}; `lamp experiment FILE` makes one") from error
    except ValidationError as error:
        raise LampError(f"{folder} cannot be read; {REMEDY}") from error
    table = read_table(folder / RESULTS_FILE, SCHEMA, REMEDY)
    keys = {row.label: row.key for row in record.rows if row.state == "finished"}
    numbers: dict[str, list[Result]] = {label: [] for label in keys}
    for values in table.to_pylist():
        label, key = values.pop("row"), values.pop("key")
        if keys.get(label) == key:
            numbers[label].append(Result(**values))
    return ExperimentResults(record, numbers)


def experiment_names(folder: Path) -> list[str]:
    """Names of the experiments below a folder, sorted."""
    return sorted(path.parent.name for path in folder.glob(f"*/{RECORD_FILE}"))


def read_experiments(folder: Path) -> list[ExperimentResults]:
    """Read all experiments below a folder, by name."""
    return [read_experiment(folder / name) for name in experiment_names(folder)]
