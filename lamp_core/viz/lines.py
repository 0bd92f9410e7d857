"""Measured values of several series over one quantity, a line a series."""

from collections.abc import Mapping
from itertools import cycle

from lamp_core.viz.charts import CHART_WIDTH, FIRST, SECOND, THIRD, Curve, as_svg, chart_style, new_figure

HEIGHT = 3.0  # inches
COLOURS, MARKERS, DASHES = (FIRST, SECOND, THIRD), "oDs^vX", ("-", "--", ":")
"""Of the lines in turn; dashes change when all colours were had, so that nine lines are told apart."""


def line_chart(
    lines: Mapping[str, Curve], label: str, heading: str, title: str, *, is_logarithmic: bool = False
) -> str:
    """A line a series with a mark a measurement, and a legend beside them where there are several.

    Args:
        lines: by their names; places in ascending order, values that are finite.
        label: of the horizontal axis.
        heading: of the chart: what is measured.
        title: read by screen readers.
        is_logarithmic: whether the horizontal axis is; its places are above 0 then.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    with chart_style(title):
        figure, axes = new_figure(CHART_WIDTH * 0.8, HEIGHT)
        for place, ((name, curve), marker) in enumerate(zip(lines.items(), cycle(MARKERS), strict=False)):
            dash = DASHES[place // len(COLOURS) % len(DASHES)]
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(curve.steps, curve.values, dash, color=colour, marker=marker, markersize=4, label=name)
        if is_logarithmic:
            axes.set_xscale("log")
        places = sorted({float(step) for curve in lines.values() for step in curve.steps})
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel(label)
        axes.set_title(heading, pad=6)
        if len(lines) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
        return as_svg(figure, title)
