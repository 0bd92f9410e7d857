"""The tables of an experiment: measured rows, published ones apart, directions, and where the rows come from.

Nothing is ranked. A row is set against the row before it, in sign only, and only when both were measured on
the same data by the same evaluator; published values are never set against measured ones. Of a row that was
trained with several seeds, means stand with the interval over the trainings.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

from lamp_core.config.experiment import Chart, MetricColumn, ResultTable, ScalingFit
from lamp_core.evaluation.baselines import CHANCE, GROUND_TRUTH, OTHER_HALF
from lamp_core.evaluation.catalogue import KINDS, kind_named
from lamp_core.evaluation.results import RESULT, Result
from lamp_core.evaluation.significance import Value
from lamp_core.report.experiment_directions import Change, Verdict, measured_value, published_value
from lamp_core.report.experiment_fits import fit_tables
from lamp_core.report.experiment_groups import Group, column_of, groups_of
from lamp_core.report.experiment_results import ExperimentRecord, ExperimentResults, RowRecord
from lamp_core.report.experiment_trainings import over_seeds
from lamp_core.report.second_opinion import judgements_of_rows, second_opinions
from lamp_core.report.tables import ARROWS, TextTable, csv_text

SHOWN_BASELINES = (GROUND_TRUTH, OTHER_HALF, CHANCE)
ABSENT = "–"
FROM_CATALOGUE = ("direction", "unit", "decimals", "factor", "label")
ORIGIN = ("seed", "data", "data version", "profile", "set", "commit", "MLflow run", "seconds")
PUBLISHED = "Published, another evaluator and data set"
ABOUT_ONE_TRAINING = (
    "Each row against the row before it. No difference: the change is no larger than the two half intervals "
    "together. The intervals are over the repeats of the evaluation; another seed of the training can move a "
    "value by more: `--seeds 3` shows by how much."
)
ABOUT_SEVERAL = (
    "Each row against the row before it. No difference: Welch's t-test over the trainings finds none at 5 %; "
    "a row of one training is judged by the two half intervals together."
)


@dataclass(frozen=True)
class MeasuredTable:
    """The numbers of one table and group.

    Args:
        table: as the experiment describes it.
        group: what the numbers share.
        rows: rows of the experiment in this group.
        numbers: by row and column.
        baselines: ground truth, its other half and chance, by system and metric.
    """

    table: ResultTable
    group: Group
    rows: Sequence[RowRecord]
    numbers: Mapping[tuple[str, MetricColumn], Result]
    baselines: Mapping[tuple[str, str], Result]

    @property
    def columns(self) -> list[MetricColumn]:
        """Columns that hold a number."""
        filled = {column for _, column in self.numbers}
        return [column for column in self.table.columns if column in filled]

    def verdicts(self) -> list[Verdict]:
        """Changes from row to row, of every column of which higher or lower is better."""
        return [
            Verdict(
                after.label,
                column,
                Change.between(first, second, column),
                _published_change(column, before, after),
            )
            for before, after in pairwise(self.rows)
            for column in self.columns
            if column.direction in {"higher", "lower"}
            for first, second in pairwise(self._values(column, (before, after)))
        ]

    def _values(self, column: MetricColumn, rows: Iterable[RowRecord]) -> list[Value]:
        found = [(self.numbers.get((row.label, column)), row.trainings) for row in rows]
        return [measured_value(number, times) for number, times in found if number and number.measured]


def experiment_tables(experiment: ExperimentResults) -> list[TextTable]:
    """Return all tables of an experiment, in the order in which they are read."""
    merged = over_seeds(experiment)
    found = measured_tables(merged)
    several = len({measured.group for measured in found}) > 1
    tables = [_shown(measured, several) for measured in found] or [_states(experiment.record)]
    verdicts = [verdict for measured in found for verdict in measured.verdicts()]
    return [
        *tables,
        *fit_tables(experiment),
        *second_opinions(judgements_of_rows(merged)),
        *_published_table(experiment.record),
        *_directions(verdicts, max((row.trainings for table in found for row in table.rows), default=1)),
        _origins(experiment.record),
    ]


def experiment_csv(experiment: ExperimentResults) -> str:
    """Return the numbers of an experiment's tables as CSV, one a line, published ones marked as such."""
    header = ("row", "state", "error", "source", *RESULT.names, *ORIGIN)
    lines: list[Sequence[object]] = []
    for row in experiment.record.rows:
        origin = [_origin(row)[name] for name in ORIGIN]
        found = [
            number
            for number in experiment.of(row)
            if any(column_of(number, table, row) is not None for table in experiment.record.tables)
        ]
        lines += [[row.label, row.state, "", "measured", *astuple(number), *origin] for number in found]
        if not found:
            lines.append([row.label, row.state, row.error, "measured", *[""] * len(RESULT.names), *origin])
        blank = [""] * (len(RESULT.names) - 3)
        lines += [
            [row.label, "", "", "published", "", metric, text, *blank, *[""] * len(ORIGIN)]
            for metric, text in row.published.items()
        ]
    return csv_text(header, lines)


def measured_tables(experiment: ExperimentResults) -> list[MeasuredTable]:
    """Return a table for each described one and each group of numbers in it."""
    return [
        _measured_table(experiment, table, group)
        for table in experiment.record.tables
        for group in groups_of(experiment, table)
    ]


def in_full(table: ResultTable) -> ResultTable:
    """A described table, with what its columns leave out as the catalogue of metrics has it."""
    columns = []
    for column in table.columns:
        kind = KINDS.get(kind_named(table.protocol, column.metric))
        metric = kind.metric(column.metric) if kind else None
        known = {} if metric is None else {name: getattr(metric, name) for name in FROM_CATALOGUE}
        columns.append(
            column.model_copy(update={k: v for k, v in known.items() if k not in column.model_fields_set})
        )
    return table.model_copy(update={"columns": tuple(columns)})


def fit_in_full(fit: ScalingFit) -> ScalingFit:
    """A described fit, its metric as `in_full` has it."""
    return fit.model_copy(update={"value": _column_in_full(fit.protocol, fit.value)})


def chart_in_full(chart: Chart) -> Chart:
    """A described chart, its metric as `in_full` has it."""
    return chart.model_copy(update={"y": _column_in_full(chart.protocol, chart.y)})


def _column_in_full(protocol: str, column: MetricColumn) -> MetricColumn:
    return in_full(ResultTable(title="", protocol=protocol, columns=(column,))).columns[0]


def heading(column: MetricColumn, *, with_unit: bool = True) -> str:
    """Return a column's heading with unit and arrow: ``R-Prec. 1, % ↑``."""
    named = f"{column.heading}, {column.unit}" if column.unit and with_unit else column.heading
    return f"{named} {ARROWS[column.direction]}".rstrip()


def _measured_table(experiment: ExperimentResults, table: ResultTable, group: Group) -> MeasuredTable:
    rows = [row for row in experiment.record.rows if group.has_place_for(row)]
    members = [
        (row, number) for row in rows for number in experiment.of(row) if Group.of(row, number) == group
    ]
    return MeasuredTable(
        table,
        group,
        rows,
        {
            (row.label, column): number
            for row, number in reversed(members)  # of several systems the first
            if (column := column_of(number, table, row)) is not None
        },
        {(number.system, number.metric): number for _, number in members if number.system in SHOWN_BASELINES},
    )


def _shown(measured: MeasuredTable, several: bool) -> TextTable:
    """The table as text; a column for the state when a row has not finished."""
    columns = measured.columns
    states = {row.label: row.told for row in measured.rows if row.state != "finished" or row.error}
    lines = [
        [system, *(_cell(measured.baselines.get((system, column.metric)), column) for column in columns)]
        for system in dict.fromkeys(system for system, _ in measured.baselines)
    ]
    lines += [
        [row.label, *(_cell(measured.numbers.get((row.label, column)), column) for column in columns)]
        for row in measured.rows
    ]
    if states:
        lines = [[*line, states.get(line[0], "")] for line in lines]
    title, group = measured.table.title, measured.group
    return TextTable(
        group.titled(title, is_only=not several),
        ["", *map(heading, columns), *(["state"] if states else [])],
        lines,
        _facts(measured),
        trainings={row.label: row.trainings for row in measured.rows},
    )


def _states(record: ExperimentRecord) -> TextTable:
    """What there is to say before any row has a number."""
    return TextTable("Rows", ["", "state"], [[row.label, row.told] for row in record.rows], numbers=False)


def _cell(number: Result | None, column: MetricColumn) -> str:
    if number is None:
        return ABSENT
    if not number.measured:
        return "not measured"
    value = f"{number.value * column.factor:.{column.decimals}f}"
    half = f" ± {number.interval * column.factor:.{column.decimals}f}" if number.interval > 0 else ""
    return value + half


def _facts(measured: MeasuredTable) -> list[str]:
    group, numbers = measured.group, [number for number in measured.numbers.values() if number.measured]
    facts = [
        f"protocol {group.protocol}" if group.protocol else "",
        f"evaluator {group.by}" if group.by else "",
        f"items: {_range([number.items for number in numbers])}" if any(n.items for n in numbers) else "",
        f"repeats: {_range([number.repeats for number in numbers])}" if numbers else "",
    ]
    trainings = [row.trainings for row in measured.rows if row.state == "finished"] or [1]
    absent = [column.heading for column in measured.table.columns if column not in measured.columns]
    return [
        f"{'; '.join(filter(None, facts))}. {about_trainings(trainings)}.",
        *([f"Not measured: {', '.join(absent)}."] if absent else []),
    ]


def about_trainings(trainings: Sequence[int]) -> str:
    """How many trainings are behind a table's rows, and what its intervals are over."""
    if max(trainings) == 1:
        return "One training; ± is half of the 95 % interval over the repeats of the evaluation"
    return (
        f"Mean of {_range(trainings)} trainings; ± is half of the 95 % interval over them (Student's t), of "
        "baselines and of one training over the repeats of the evaluation"
    )


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _published_change(column: MetricColumn, before: RowRecord, after: RowRecord) -> Change | None:
    first, second = (published_value(row.published.get(column.metric, "")) for row in (before, after))
    return None if first is None or second is None else Change.between(first, second, column)


def _published_table(record: ExperimentRecord) -> list[TextTable]:
    """The published values as they were printed, in their own unit."""
    rows = [row for row in record.rows if row.published and not row.seed]
    if not rows or record.published is None:
        return []
    columns = {column.metric: column for table in record.tables for column in table.columns}
    metrics = list(dict.fromkeys(metric for row in rows for metric in row.published))
    headings = [
        heading(columns[metric], with_unit=False) if metric in columns else metric for metric in metrics
    ]
    source = record.published
    return [
        TextTable(
            PUBLISHED,
            ["", *headings],
            [[row.label, *(row.published.get(metric, ABSENT) for metric in metrics)] for row in rows],
            [f"{source.source}: {source.data}; evaluator {source.evaluator}; not to be compared with ours."],
        )
    ]


def _directions(verdicts: Sequence[Verdict], trainings: int) -> list[TextTable]:
    if not verdicts:
        return []
    has_paper = any(verdict.paper is not None for verdict in verdicts)
    agreements = Counter(verdict.agreement for verdict in verdicts if verdict.agreement)
    counted = ", ".join(f"{count} {agreement}" for agreement, count in agreements.most_common())
    header = ["", "metric", "over the row before", *(["paper", "direction"] if has_paper else [])]
    return [
        TextTable(
            "Directions",
            header,
            [_direction(verdict)[: len(header)] for verdict in verdicts],
            [
                ABOUT_ONE_TRAINING if trainings == 1 else ABOUT_SEVERAL,
                *([f"Of {agreements.total()} with a published one: {counted}."] if counted else []),
            ],
            numbers=False,
        )
    ]


def _direction(verdict: Verdict) -> list[str]:
    paper = verdict.paper.shown(verdict.column) if verdict.paper is not None else ""
    ours = verdict.ours.shown(verdict.column)
    return [verdict.row, verdict.column.heading, ours, paper, verdict.agreement]


def _origins(record: ExperimentRecord) -> TextTable:
    lines = [[row.label, *_origin(row).values()] for row in record.rows]
    return TextTable("Where the rows come from", ["", *ORIGIN], lines, numbers=False)


def _origin(row: RowRecord) -> dict[str, str]:
    lamp = [f"LaMP of {row.pretrained_on}"] if row.pretrained_on else []
    shown = [f"{other} in place of {own}" for own, other in row.shows.items()]
    values = [
        str(row.seed),
        row.data,
        row.data_version[:12],
        row.profile,
        "; ".join([*row.changed, *lamp, *shown]),
        row.commit,
        row.run[:8],
        f"{row.seconds:.0f}" if row.run else "",
    ]
    return dict(zip(ORIGIN, values, strict=True))
