"""The fits of an experiment: constants with intervals, curves, and rows that check what they predict.

Shapes: S sizes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lamp_core.config.experiment import MetricColumn, ResultTable, ScalingFit
from lamp_core.errors import LampError
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.scaling_law import LARGEST_EXPONENT, Band, Interval, ScalingLaw, fit_scaling_law
from lamp_core.report.experiment_groups import Group, column_of, groups_of, is_of
from lamp_core.report.experiment_results import ExperimentResults, RowRecord
from lamp_core.report.experiment_trainings import over_seeds
from lamp_core.report.tables import TextTable
from lamp_core.viz.charts import Curve
from lamp_core.viz.fitted_curves import Check, FittedCurve, fitted_curves

ABOUT_CONSTANTS = (
    "Least squares of the logarithm (Hoffmann et al. 2022, approach 3), exponents of at most "
    f"{LARGEST_EXPONENT:g}; intervals of 95 % over a bootstrap of the rows' residuals."
)
ABOUT_CHECKS = (
    "Rows that the fit has not seen. The interval of 95 % holds what the fit is unsure of and the residual "
    "of one more training."
)
CURVE_SIZES = 40


@dataclass(frozen=True)
class Point:
    """A row with the metric of a fit and both sizes."""

    label: str
    model: float
    data: float
    value: float
    check: bool


@dataclass(frozen=True)
class Fitted:
    """A fit with its points, of numbers that may stand together.

    Args:
        fit: as the experiment describes it.
        title: of its tables and its chart.
        points: the measured rows.
        waiting: rows that check and have no number yet, with their state.
        law: None when it could not be fitted.
        fault: why not.
    """

    fit: ScalingFit
    title: str
    points: Sequence[Point]
    waiting: Sequence[tuple[str, str]]
    law: ScalingLaw | None
    fault: str = ""

    @property
    def checks(self) -> list[Point]:
        """Points that the law was not fitted to."""
        return [point for point in self.points if point.check]

    def predicted(self) -> list[tuple[Point, Interval]]:
        """What the law says of each point that checks it."""
        if self.law is None or not self.checks:
            return []
        models_S, data_S = (np.array([getattr(each, of) for each in self.checks]) for of in ("model", "data"))
        found = _as_value(self.law.predicted(models_S, data_S), self.fit).intervals()
        return list(zip(self.checks, found, strict=True))

    def curve(self, model: float, data_S: np.ndarray) -> Band:
        """The metric of a model of this size over S sizes of the data."""
        assert self.law is not None
        return _as_value(self.law.expected(np.full_like(data_S, model), data_S), self.fit)


def fit_tables(experiment: ExperimentResults) -> list[TextTable]:
    """Two tables a fit: the constants of the law, and what it predicted of the rows that check it."""
    return [table for fitted in _fits(experiment) for table in _tables(fitted)]


def fit_charts(experiment: ExperimentResults) -> list[tuple[str, str]]:
    """Title and SVG of each fit: a curve a size of the model, with its measurements."""
    return [(fitted.title, _chart(fitted)) for fitted in _fits(experiment) if fitted.law is not None]


def _fits(experiment: ExperimentResults) -> Iterator[Fitted]:
    """The fits, each once for every group of numbers that may stand together."""
    if not experiment.record.fits:
        return
    merged = over_seeds(experiment)
    for fit in experiment.record.fits:
        table = ResultTable(title=fit.title, protocol=fit.protocol, columns=(fit.value,))
        groups = groups_of(merged, table)
        if not groups:
            yield Fitted(fit, fit.title, (), (), None, f"no row has {fit.value.heading} yet")
        for group in groups:
            yield _fitted(merged, fit, table, group, is_only=len(groups) == 1)


def _fitted(
    experiment: ExperimentResults, fit: ScalingFit, table: ResultTable, group: Group, *, is_only: bool
) -> Fitted:
    points, waiting = [], []
    for row in filter(group.has_place_for, experiment.record.rows):
        point = _point(row, experiment.of(row), fit, table, group)
        if point is not None:
            points.append(point)
        elif row.check:
            waiting.append((row.label, f"not measured: {row.told}"))
    title = group.titled(fit.title, is_only=is_only)
    fitted = Fitted(fit, title, points, waiting, None)
    try:
        return replace(fitted, law=_law(tuple(_triple(point, fit) for point in points if not point.check)))
    except LampError as fault:
        return replace(fitted, fault=str(fault))


def _point(
    row: RowRecord, numbers: Sequence[Result], fit: ScalingFit, table: ResultTable, group: Group
) -> Point | None:
    """The row with its numbers of a group; None where it has not all three."""
    of_group = [number for number in numbers if Group.of(row, number) == group]
    value = next(
        (number.value for number in of_group if column_of(number, table, row) and number.measured), None
    )
    model, data = _size(row, numbers, fit.model_size), _size(row, numbers, fit.data_size)
    if value is None or model is None or data is None:
        return None
    return Point(row.label, model, data, value, row.check)


def _size(row: RowRecord, numbers: Sequence[Result], column: MetricColumn) -> float | None:
    return next((number.value for number in numbers if is_of(number, column, row) and number.measured), None)


def _triple(point: Point, fit: ScalingFit) -> tuple[float, float, float]:
    """Both sizes, and what the law is of."""
    loss = point.value if fit.ceiling is None else fit.ceiling - point.value
    return point.model, point.data, loss


@lru_cache(maxsize=32)
def _law(points: tuple[tuple[float, float, float], ...]) -> ScalingLaw:
    """The law; a table and a chart of the same points fit it once."""
    models, data, losses = zip(*points, strict=True) if points else ((), (), ())
    return fit_scaling_law(models, data, losses)


def _as_value(band: Band, fit: ScalingFit) -> Band:
    """Losses as the metric that was measured."""
    if fit.ceiling is None:
        return band
    return Band(fit.ceiling - band.value_S, fit.ceiling - band.high_S, fit.ceiling - band.low_S)


def _tables(fitted: Fitted) -> list[TextTable]:
    title = f"Fit: {fitted.title}"
    if fitted.law is None:
        return [TextTable(title, ["", "state"], [["not fitted", fitted.fault]], numbers=False)]
    lines = [
        [name, f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}"]
        for name, found in fitted.law.constants().items()
    ]
    constants = TextTable(title, ["", "value", "95 % interval"], lines, [_about(fitted), ABOUT_CONSTANTS])
    return [constants, _check_table(fitted)] if fitted.checks or fitted.waiting else [constants]


def _about(fitted: Fitted) -> str:
    """The law in words, and what it was fitted to."""
    fit, law = fitted.fit, fitted.law
    assert law is not None
    of = fit.value.heading if fit.ceiling is None else f"{fit.ceiling:g} - {fit.value.heading}"
    seen = [point for point in fitted.points if not point.check]
    models, data = (len({getattr(point, size) for point in seen}) for size in ("model", "data"))
    return (
        f"{of} = E + A N^-alpha + B D^-beta: N {fit.model_size.heading}, D {fit.data_size.heading}; "
        f"{len(seen)} rows, {models} sizes of the model and {data} of the data; residual {law.spread:.2%}."
    )


def _check_table(fitted: Fitted) -> TextTable:
    fit = fitted.fit
    predicted = fitted.predicted()
    header = ["", fit.model_size.heading, fit.data_size.heading, "predicted", "95 % interval", "measured", ""]
    lines = [
        [
            point.label,
            f"{point.model:,.0f}",
            f"{point.data:,.0f}",
            _shown(found.value, fit),
            f"{_shown(found.low, fit)} to {_shown(found.high, fit)}",
            _shown(point.value, fit),
            "within" if found.holds(point.value) else "outside",
        ]
        for point, found in predicted
    ]
    lines += [[label, *[""] * (len(header) - 2), state] for label, state in fitted.waiting]
    within = sum(found.holds(point.value) for point, found in predicted)
    counted = f"{within} of {len(predicted)} within." if predicted else "None is measured yet."
    return TextTable(f"Predicted: {fitted.title}", header, lines, [ABOUT_CHECKS, counted])


def _shown(value: float, fit: ScalingFit) -> str:
    return f"{value * fit.value.factor:.{fit.value.decimals}f}"


def _chart(fitted: Fitted) -> str:
    """Curves over the data, one a size of the model, from the smallest to the largest measured."""
    fit = fitted.fit
    sizes = [point.data for point in fitted.points]
    data_S = np.geomspace(min(sizes), max(sizes), CURVE_SIZES)
    models = sorted({point.model for point in fitted.points})
    named = f"{fit.value.heading}, {fit.value.unit}" if fit.value.unit else fit.value.heading
    heading = (
        f"{named}, a curve a size of the model ({fit.model_size.heading}): dots fitted, diamonds checked"
    )
    return fitted_curves(
        [_curve(fitted, model, data_S) for model in models], fit.data_size.heading, heading, fitted.title
    )


def _curve(fitted: Fitted, model: float, data_S: np.ndarray) -> FittedCurve:
    factor = fitted.fit.value.factor
    band = fitted.curve(model, data_S)
    seen = [point for point in fitted.points if point.model == model and not point.check]
    return FittedCurve(
        model,
        data_S,
        factor * band.value_S,
        factor * band.low_S,
        factor * band.high_S,
        measured=Curve([point.data for point in seen], [factor * point.value for point in seen]),
        checks=[
            Check(point.data, factor * point.value, factor * found.low, factor * found.high)
            for point, found in fitted.predicted()
            if point.model == model
        ],
    )
