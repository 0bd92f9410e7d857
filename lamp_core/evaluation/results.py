"""A measured number with everything that decides what it may be compared with, and its Parquet form."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa

from lamp_core.errors import LampError
from lamp_core.io.parquet import field as column
from lamp_core.io.parquet import read_table, write_table

HALF_INTERVAL = 1.96
SEVERAL_PROTOCOLS = re.compile(r"(prediction|in-betweening|novel captions|text to motion of)\b")
"""Beginnings of protocols of which a family has several, so that a metric's name alone is not enough."""
REMEDY = "`lamp run --until evaluate` measures them"

RESULT = pa.schema(
    [
        column("system", pa.string(), "what was measured"),
        column("metric", pa.string(), "what of it"),
        column(
            "value",
            pa.float64(),
            "mean over the repeats; NaN when it could not be measured",
            unit="the metric's: docs/evaluation.md",
        ),
        column(
            "interval",
            pa.float64(),
            "half of the 95 % interval, 1.96 std / sqrt(repeats)",
            unit="as value",
        ),
        column("protocol", pa.string(), "what decides the number beside the system"),
        column("evaluator", pa.string(), "what embedded texts and motions, or none"),
        column("repeats", pa.int32(), "measurements behind the mean"),
        column("items", pa.int32(), "items that were measured"),
        column("note", pa.string(), "items left out, why there is no number, other particulars"),
    ]
)
"""The columns of a `Result`."""
SCHEMA = pa.schema(
    [
        *RESULT,
        column("data", pa.string(), "the data set that was measured"),
        column("data_version", pa.string(), "its version, a hash"),
        column("model_run", pa.string(), "MLflow run that made the models, or the commit of the code"),
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


def key_of(text: str) -> str:
    """A name as it stands in the key of a metric: ``R@1`` is ``R1``, a blank is an underscore."""
    return re.sub(r"[^A-Za-z0-9@/_-]+", "_", text).replace("@", "").rstrip("_")


def metric_key(result: Result) -> str:
    """Key of a result in its family: system, protocol where the family has several, metric."""
    return f"{key_of(result.system)}/{key_in_family(result.protocol, result.metric)}"


def key_in_family(protocol: str, metric: str) -> str:
    """`metric_key` without the system."""
    short = protocol.partition(",")[0]
    several = SEVERAL_PROTOCOLS.match(short) or metric.startswith(("text to motion", "motion to text"))
    return key_of(f"{short} {metric}" if several else metric)


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
        items: items that are measured, the fewest of all repeats.
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
    counts: dict[str, int] = field(default_factory=dict)

    def record(self, metrics: Sequence[str], measure: Callable[[], Sequence[float]]) -> None:
        """Measure once; what cannot be measured becomes a row that says why."""
        try:
            for metric, value in zip(metrics, measure(), strict=True):
                self.values.setdefault(metric, []).append(value)
                if not math.isfinite(value):
                    self.faults[metric] = "there is nothing that it could be taken from"
        except LampError as fault:
            self.faults.update(dict.fromkeys(metrics, str(fault)))

    def record_one(self, metric: str, measure: Callable[..., float], *arguments: object) -> None:
        """As `record`, of the one number that ``measure`` gives of the arguments."""
        self.record([metric], lambda: [measure(*arguments)])

    def count(self, metrics: Sequence[str], items: int) -> None:
        """Say how many items these metrics measured, where it is not all; of repeats the fewest count."""
        for metric in metrics:
            self.counts[metric] = min(items, self.counts.get(metric, items))

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
        items = min(self.items, self.counts.get(metric, self.items))
        return Result(
            self.system, metric, value, interval, self.protocol, self.evaluator, repeats, items, note
        )


def write_results(path: Path, results: Iterable[Result], origin: Origin) -> None:
    """Write results to Parquet, one row a number, by rename; LampError as `write_table`."""
    write_table(path, ({**asdict(result), **asdict(origin)} for result in results), SCHEMA)


def read_results(path: Path) -> list[Result]:
    """Read what `write_results` wrote.

    Raises:
        LampError: there is no such file, or it does not have its schema.
    """
    names = [field.name for field in fields(Result)]
    return [Result(*row.values()) for row in _table(path).select(names).to_pylist()]


def read_origins(path: Path) -> list[Origin]:
    """Return the origin of each row of what `write_results` wrote; LampError as `read_results`."""
    names = [field.name for field in fields(Origin)]
    return [Origin(*row.values()) for row in _table(path).select(names).to_pylist()]


def _table(path: Path) -> pa.Table:
    if not path.exists():
        raise LampError(f"no results in {path}; {REMEDY}")
    return read_table(path, SCHEMA, REMEDY)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
