"""What the report page shows, section by section, as frozen dataclasses.

Legend of shapes: N items.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamp_core.errors import LampError
from lamp_core.render.charts import Curve
from lamp_core.render.player import PlayerMotion

if TYPE_CHECKING:
    from lamp_core.metrics.results import Result

Direction = Literal["higher", "lower", "closer", "neither"]
BASELINES = ("ground truth", "chance", "untrained", "mean pose")


@dataclass(frozen=True)
class Highlight:
    """One headline figure under the title, already formatted.

    Args:
        label: ``R-Precision top 3``.
        value: ``61.4``.
        unit: ``%``.
        note: what it stands beside (``chance 9.4, ground truth 78.2``).
    """

    label: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class SplitSummary:
    """Size of a split.

    Args:
        split: ``train``, ``val`` or ``test``.
        clips: number of clips.
        captions: number of captions of all clips.
        frames: number of frames of all clips.
        seconds: duration of all clips.
    """

    split: str
    clips: int
    captions: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class RejectedSummary:
    """Clips rejected for one reason, with the detail of one of them as an example."""

    reason: str
    clips: int
    example: str = ""


@dataclass(frozen=True, eq=False)
class DataSummary:
    """The data section.

    Args:
        splits: in the order of the rows.
        rejected: empty when no clip was rejected.
        clip_seconds: duration of every clip, for the histogram; empty for none.
        note: a sentence under the heading.
    """

    splits: Sequence[SplitSummary]
    rejected: Sequence[RejectedSummary] = ()
    clip_seconds: Sequence[float] | np.ndarray = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class StageCurves:
    """Curves of the training of a stage, a panel a name."""

    stage: str
    curves: Mapping[str, Curve]
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A metric as a column.

    Args:
        metric: the name that `Result.metric` bears.
        direction: whether higher or lower values are better, or closer to the ground truth's.
        unit: under the name (``%``, ``mm``).
        decimals: of values and intervals.
        factor: values are multiplied by it (100 for a share shown in per cent).
        label: heading, the metric's name when empty.
    """

    metric: str
    direction: Direction = "neither"
    unit: str = ""
    decimals: int = 3
    factor: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Cell:
    """A value with half of its 95 % interval; one that is not finite was not measured, `note` says why."""

    value: float
    interval: float = 0.0
    note: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class Row:
    """A system with a cell a column (None: does not apply); baselines are set apart, nothing is ranked."""

    system: str
    cells: Sequence[Cell | None]
    baseline: bool = False


@dataclass(frozen=True)
class MetricTable:
    """Numbers of one protocol and one evaluator.

    Args:
        title: heading.
        columns: the metrics.
        rows: the systems, in the order shown.
        protocol: as in `Result`.
        evaluator: as in `Result`.
        repeats: ``20``, or a range when systems differ.
        items: ``460``, or a range when systems differ.
        note: a sentence under the heading.
        chart: metric of the column that is also drawn as bars; empty for none.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    protocol: str = ""
    evaluator: str = ""
    repeats: str = ""
    items: str = ""
    note: str = ""
    chart: str = ""

    def has_intervals(self, place: int) -> bool:
        """Whether any system has an interval in the column at `place`."""
        cells = (row.cells[place] for row in self.rows)
        return any(cell is not None and cell.measured and cell.interval > 0 for cell in cells)


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Similarity of N captions and their N motions, and the captions."""

    similarity_NN: np.ndarray
    captions: Sequence[str]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Motions of one test caption side by side, the true one first; `clip` is the true clip's name."""

    clip: str
    motions: Sequence[PlayerMotion]
    note: str = ""


@dataclass(frozen=True, eq=False)
class RetrievedClip:
    """One place of a ranking.

    Args:
        clip: name.
        caption: of the retrieved clip.
        score: similarity to the query.
        correct: whether it counts as right.
        motion: shown in a small player when given; its own title and caption should be empty.
    """

    clip: str
    caption: str
    score: float
    correct: bool = False
    motion: PlayerMotion | None = None


@dataclass(frozen=True, eq=False)
class RetrievalExample:
    """A query caption with the clips retrieved for it.

    Args:
        query: the caption.
        clip: name of the clip it belongs to.
        rank: of that clip, from 1; ties have their mean rank.
        gallery: number of clips searched.
        retrieved: best first.
    """

    query: str
    clip: str
    rank: float
    gallery: int
    retrieved: Sequence[RetrievedClip]


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything on the page; a section without content is left out.

    Args:
        title: of the page.
        data_set: name of the data set.
        data_version: its version (a hash).
        profile: profile of the parameters.
        commit: git commit, with ``(modified)`` when the tree was dirty.
        machine: processor, cores, device, library versions, in a line.
        created: when, as text.
        skeleton: name of the skeleton.
        highlights: headline figures.
        data: the data section.
        curves: the training section, a stage an entry.
        tables: the metrics section.
        heat_map: the similarity section.
        comparisons: the section of generated motions.
        retrievals: the retrieval section.
        parameters: nested mapping as in params.yaml.
    """

    title: str
    data_set: str
    data_version: str
    profile: str
    commit: str
    machine: str
    created: str
    skeleton: str = ""
    highlights: Sequence[Highlight] = ()
    data: DataSummary | None = None
    curves: Sequence[StageCurves] = ()
    tables: Sequence[MetricTable] = ()
    heat_map: HeatMap | None = None
    comparisons: Sequence[Comparison] = ()
    retrievals: Sequence[RetrievalExample] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def metric_table(
    title: str,
    results: Sequence["Result"],
    columns: Sequence[Column],
    *,
    baselines: Collection[str] = BASELINES,
    note: str = "",
    chart: str = "",
) -> MetricTable:
    """Lay results out as a table: a row a system in the order of first appearance, a column a metric.

    Args:
        title: heading.
        results: of one protocol and one evaluator; metrics without a column are left out.
        columns: in order.
        baselines: systems that are set apart.
        note: a sentence under the heading.
        chart: metric that is also drawn as bars.

    Raises:
        LampError: when the results mix protocols or evaluators, which never share a table.
    """
    kinds = {(result.protocol, result.evaluator) for result in results}
    if len(kinds) != 1:
        raise LampError(f"table {title!r}: results of one protocol and evaluator only, got {sorted(kinds)}")
    ((protocol, evaluator),) = kinds
    cells = {(result.system, result.metric): _cell(result, columns) for result in results}
    systems = dict.fromkeys(result.system for result in results)
    return MetricTable(
        title=title,
        columns=tuple(columns),
        rows=tuple(
            Row(system, tuple(cells.get((system, column.metric)) for column in columns), system in baselines)
            for system in systems
        ),
        protocol=protocol,
        evaluator=evaluator,
        repeats=_range([result.repeats for result in results]),
        items=_range([result.items for result in results]),
        note=note,
        chart=chart,
    )


def _cell(result: "Result", columns: Sequence[Column]) -> Cell | None:
    factors = [column.factor for column in columns if column.metric == result.metric]
    return Cell(result.value * factors[0], result.interval * factors[0], result.note) if factors else None


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
