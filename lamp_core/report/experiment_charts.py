"""The charts of an experiment: metrics over a parameter of its grid, a line a row, and the curves of fits."""

from collections.abc import Iterator, Sequence

from lamp_core.config.experiment import Chart, ResultTable
from lamp_core.io.yaml_text import parse_yaml
from lamp_core.report.experiment_fits import fit_charts
from lamp_core.report.experiment_groups import Group, column_of, groups_of
from lamp_core.report.experiment_results import ExperimentResults, RowRecord
from lamp_core.report.experiment_trainings import over_seeds
from lamp_core.viz.charts import Curve
from lamp_core.viz.lines import line_chart


def experiment_charts(experiment: ExperimentResults) -> list[tuple[str, str]]:
    """Title and SVG of each chart that the file describes, and of each fit.

    A chart is drawn once for every group of numbers that may stand together, of the rows that were measured;
    without any it is left out. Of several trainings it has the mean.
    """
    return [*_grid_charts(experiment), *fit_charts(experiment)]


def _grid_charts(experiment: ExperimentResults) -> Iterator[tuple[str, str]]:
    if not experiment.record.charts:
        return
    merged = over_seeds(experiment)
    for chart in experiment.record.charts:
        table = ResultTable(title=chart.title, protocol=chart.protocol, columns=(chart.y,))
        groups = groups_of(merged, table)
        for group in groups:
            lines = _lines(merged, chart, table, group)
            if lines:
                title = group.titled(chart.title, is_only=len(groups) == 1)
                heading = f"{chart.y.heading}, {chart.y.unit}" if chart.y.unit else chart.y.heading
                yield title, line_chart(lines, chart.x, heading, title, is_logarithmic=chart.x_log)


def _lines(experiment: ExperimentResults, chart: Chart, table: ResultTable, group: Group) -> dict[str, Curve]:
    """The measured points of each line, by what its rows are called beside the parameter."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in filter(group.has_place_for, experiment.record.rows):
        place, value = _place(row, chart.x), _value(experiment, row, table, group)
        if place is not None and value is not None:
            found.setdefault(_line(row, chart.x), []).append((place, chart.y.factor * value))
    return {name: _curve(points) for name, points in found.items()}


def _curve(points: Sequence[tuple[float, float]]) -> Curve:
    places, values = zip(*sorted(points), strict=True)
    return Curve(places, values)


def _value(experiment: ExperimentResults, row: RowRecord, table: ResultTable, group: Group) -> float | None:
    """The row's number of the group, of the first system that has one."""
    return next(
        (
            number.value
            for number in experiment.of(row)
            if number.measured and Group.of(row, number) == group and column_of(number, table, row)
        ),
        None,
    )


def _place(row: RowRecord, parameter: str) -> float | None:
    """The row's value of the parameter; None where it sets none, or none that is a number."""
    text = _assigned(row, parameter)
    value = None if text is None else parse_yaml(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _line(row: RowRecord, parameter: str) -> str:
    """The row's name without the words that the grid wrote behind it for the parameter."""
    said = f"{parameter}={_assigned(row, parameter)}"
    return row.of_row.replace(f", {said}", "").removeprefix(said).removeprefix(", ")


def _assigned(row: RowRecord, parameter: str) -> str | None:
    return next(
        (line.removeprefix(f"{parameter}=") for line in row.changed if line.startswith(f"{parameter}=")), None
    )
