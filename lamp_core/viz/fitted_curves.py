"""Fitted curves with their bands, their measurements and what checks them. Shapes: N places of a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lamp_core.viz.charts import CHART_WIDTH, FIRST, SECOND, Curve, as_svg, chart_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 3.2  # inches
PALEST = 0.35
"""Opacity of the first of several curves; the last is opaque."""


@dataclass(frozen=True)
class Check:
    """A measurement that no curve was fitted to, with the interval in which the fit expected it."""

    place: float
    measured: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A curve with its band.

    Args:
        size: what is the same along the curve.
        places_N: above 0.
        value_N: above 0.
        low_N: lower bound of the band.
        high_N: upper bound.
        measured: what it was fitted to.
        checks: what checks it.
    """

    size: float
    places_N: np.ndarray
    value_N: np.ndarray
    low_N: np.ndarray
    high_N: np.ndarray
    measured: Curve
    checks: Sequence[Check] = ()


def fitted_curves(curves: Sequence[FittedCurve], label: str, heading: str, title: str) -> str:
    """Curves on two logarithmic axes, the last one the darkest; dots were fitted, diamonds check the fit.

    Args:
        curves: by ascending size, which is written at the end of each.
        label: of the horizontal axis.
        heading: of the chart.
        title: read by screen readers.
    """
    from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator

    with chart_style(title):
        figure, axes = new_figure(CHART_WIDTH * 0.8, HEIGHT)
        for curve, opacity in zip(curves, np.linspace(PALEST, 1.0, len(curves)), strict=True):
            _draw(axes, curve, float(opacity), EngFormatter()(float(f"{curve.size:.3g}")))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_measured_places(curves)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda *_: "")
        axes.margins(x=0.1)
        axes.set_xlabel(label)
        axes.set_title(heading, pad=6)
        return as_svg(figure, title)


def _measured_places(curves: Sequence[FittedCurve]) -> list[float]:
    fitted = {float(place) for curve in curves for place in curve.measured.steps}
    return sorted(fitted | {check.place for curve in curves for check in curve.checks})


def _draw(axes: "Axes", curve: FittedCurve, opacity: float, label: str) -> None:
    axes.fill_between(curve.places_N, curve.low_N, curve.high_N, color=FIRST, alpha=0.12, linewidth=0)
    axes.plot(curve.places_N, curve.value_N, color=FIRST, alpha=opacity)
    measured = curve.measured
    axes.plot(measured.steps, measured.values, "o", color=FIRST, alpha=opacity, markersize=4)
    for check in curve.checks:
        axes.plot([check.place] * 2, [check.low, check.high], color=SECOND, linewidth=1.2)
        axes.plot([check.place], [check.measured], "D", color=SECOND, markersize=4.5)
    end = (float(curve.places_N[-1]), float(curve.value_N[-1]))
    axes.annotate(label, end, (5, 0), textcoords="offset points", va="center", fontsize=8)
