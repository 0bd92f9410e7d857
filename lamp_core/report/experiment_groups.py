"""Which numbers of an experiment may stand together: of one protocol, evaluator and version of the data."""

from dataclasses import dataclass

from lamp_core.config.experiment import MetricColumn, ResultTable
from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.results import Result
from lamp_core.report.experiment_results import ExperimentResults, RowRecord


@dataclass(frozen=True)
class Group:
    """What numbers must share to stand in one table: protocol, evaluator, data and its version."""

    protocol: str
    evaluator: str
    measured_on: tuple[str, str, str]

    @classmethod
    def of(cls, row: RowRecord, number: Result) -> "Group":
        """The group of a number of a row."""
        return cls(number.protocol, number.evaluator, row.measured_on)

    def has_place_for(self, row: RowRecord) -> bool:
        """Whether a row stands in the table; one that has not finished stands with those of its data."""
        is_finished = row.state == "finished"
        return row.measured_on == self.measured_on if is_finished else row.data == self.measured_on[0]

    def titled(self, title: str, *, is_only: bool) -> str:
        """What its table or figure is called, told apart where there are several."""
        return title if is_only else ", ".join([title, self.measured_on[0], *filter(None, [self.by])])

    @property
    def by(self) -> str:
        """The evaluator; empty where the numbers need none."""
        return "" if self.evaluator == "none" else self.evaluator


def groups_of(experiment: ExperimentResults, table: ResultTable) -> list[Group]:
    """The groups of the numbers of a table, in the order of the rows."""
    return list(
        dict.fromkeys(
            Group.of(row, number)
            for row in experiment.record.rows
            for number in experiment.of(row)
            if column_of(number, table, row) is not None
        )
    )


def column_of(number: Result, table: ResultTable, row: RowRecord) -> MetricColumn | None:
    """The column that a number of a row belongs to."""
    if table.protocol and not f"{number.protocol},".startswith(f"{table.protocol},"):
        return None
    return next((column for column in table.columns if is_of(number, column, row)), None)


def is_of(number: Result, column: MetricColumn, row: RowRecord) -> bool:
    """Whether a row's number is of a column's metric, and its system the column's, or shown in its place."""
    system = row.shown_as(number.system)
    if number.metric != column.metric or system is None:
        return False
    return system == column.system if column.system else not is_baseline(number.system)
