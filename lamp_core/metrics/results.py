"""A measured number with everything that decides what it may be compared with, and its Parquet form."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.errors import LampError

HALF_INTERVAL = 1.96


def _field(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={"meaning": meaning})


RESULT = pa.schema(
    [
        _field("system", pa.string(), "what was measured"),
        _field("metric", pa.string(), "what of it; its unit stands in docs/evaluation.md"),
        _field("value", pa.float64(), "mean over the repeats; NaN when it could not be measured"),
        _field("interval", pa.float64(), "half of the 95 % interval, 1.96 std / sqrt(repeats)"),
        _field("protocol", pa.string(), "what decides the number beside the system"),
        _field("evaluator", pa.string(), "what embedded texts and motions, or none"),
        _field("repeats", pa.int32(), "measurements behind the mean"),
        _field("items", pa.int32(), "items that were measured"),
        _field("note", pa.string(), "items left out, why there is no number, other particulars"),
    ]
)
"""The columns of a `Result`."""
SCHEMA = pa.schema(
    [
        *RESULT,
        _field("data", pa.string(), "the data set that was measured"),
        _field("data_version", pa.string(), "its version, a hash"),
        _field("model_run", pa.string(), "MLflow run that made the models, or the commit of the code"),
    ]
)
"""The columns of ``results.parquet`` of the stage ``evaluate``."""


@dataclass(frozen=True)
class Origin:
    """What all numbers of a measurement come from.

    Args:
        data: the data set that was measured.
        data_version: its version, a hash.
        model_run: the MLflow run that made the models, or the commit of the code where none is known.
    """

    data: str
    data_version: str
    model_run: str


@dataclass(frozen=True)
class Result:
    """One number of one system.

    Args:
        system: what was measured (``ground truth``, ``chance``, ``LaMP-T2M``).
        metric: ``R-Precision top 1``, ``FID``, ``text to motion R@1``.
        value: the mean over the repeats; NaN when it could not be measured, the note says why.
        interval: half of the 95 % interval, 1.96 * std / sqrt(repeats).
        protocol: what decides the number beside the system; only numbers of one protocol may be compared.
        evaluator: what embedded texts and motions (``guo-own``, ``lamp``), or ``none``.
        repeats: measurements behind the mean.
        items: items that were measured.
        note: items left out and other particulars.
    """

    system: str
    metric: str
    value: float
    interval: float
    protocol: str
    evaluator: str
    repeats: int
    items: int
    note: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is a number; the note says why not."""
        return math.isfinite(self.value)


def stage_result(stage: str, metric: str, value: float) -> Result:
    """Return what a stage reported of itself (``data/metrics``): measured once, by no protocol."""
    return Result(stage, metric, value, 0.0, protocol="", evaluator="none", repeats=1, items=0)


def summarise(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the mean and half of the 95 % interval, 1.96 * std(ddof 0) / sqrt(n).

    Raises:
        LampError: no value, or one that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size or not np.isfinite(array).all():
        raise LampError(
            f"a mean of {array.size} values of which {int((~np.isfinite(array)).sum())} are not finite"
        )
    return float(array.mean()), float(HALF_INTERVAL * array.std(ddof=0) / math.sqrt(array.size))


@dataclass
class Measurements:
    """The repeated measurements of one system: values by metric, or the reason why there are none.

    Args:
        system: what is measured.
        protocol: of all its numbers.
        evaluator: of all its numbers.
        items: items that are measured.
        note: said of every number.
    """

    system: str
    protocol: str
    evaluator: str
    items: int
    note: str = ""
    values: dict[str, list[float]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def record(self, metrics: Sequence[str], measure: Callable[[], Sequence[float]]) -> None:
        """Measure once; what cannot be measured becomes a row that says why."""
        try:
            for metric, value in zip(metrics, measure(), strict=True):
                self.values.setdefault(metric, []).append(value)
                if not math.isfinite(value):
                    self.faults[metric] = "there is nothing that it could be taken from"
        except LampError as fault:
            self.faults.update(dict.fromkeys(metrics, str(fault)))

    def add_note(self, note: str, metric: str | None = None) -> None:
        """Say something of every number, or of one metric's; nothing when the note is empty."""
        if metric is None:
            self.note = _joined(self.note, note)
        else:
            self.notes[metric] = _joined(self.notes.get(metric, ""), note)

    def results(self) -> list[Result]:
        """Return a row a metric, in the order in which they were measured."""
        return [self._result(metric) for metric in dict.fromkeys([*self.values, *self.faults])]

    def _result(self, metric: str) -> Result:
        values, fault = self.values.get(metric, []), self.faults.get(metric)
        value, interval = (math.nan, math.nan) if fault else summarise(values)
        why = f"not measured: {fault}" if fault else ""
        note = _joined(why, self.note, self.notes.get(metric, ""))
        repeats = 0 if fault else len(values)
        return Result(
            self.system, metric, value, interval, self.protocol, self.evaluator, repeats, self.items, note
        )


def write_results(path: Path, results: Iterable[Result], origin: Origin) -> None:
    """Write results to Parquet, one row a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(result), **asdict(origin)} for result in results]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def read_results(path: Path) -> list[Result]:
    """Read what `write_results` wrote.

    Raises:
        LampError: there is no such file, or its columns are not those of `SCHEMA`.
    """
    names = [field.name for field in fields(Result)]
    return [Result(*row.values()) for row in _table(path).select(names).to_pylist()]


def read_origins(path: Path) -> list[Origin]:
    """Return the origin of each row of what `write_results` wrote; LampError as `read_results`."""
    names = [field.name for field in fields(Origin)]
    return [Origin(*row.values()) for row in _table(path).select(names).to_pylist()]


def _table(path: Path) -> pa.Table:
    if not path.exists():
        raise LampError(f"no results in {path}; `lamp run --until evaluate` measures them")
    table = pq.read_table(path)
    if table.column_names != SCHEMA.names:
        raise LampError(
            f"{path} has the columns {table.column_names}; results have {SCHEMA.names}: measure them again"
        )
    return table


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
