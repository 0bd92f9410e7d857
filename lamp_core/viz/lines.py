"""Measured values of several series over one quantity, a line a series."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle

from lamp_core.viz.charts import CHART_WIDTH, FIRST, SECOND, THIRD, Curve, as_svg, chart_style, new_figure

HEIGHT = 3.0  # inches
COLOURS, MARKERS, DASHES = (FIRST, SECOND, THIRD), "oDs^vX", ("-", "--", ":")
"""Of the lines in turn; dashes change when all colours were had, so that nine lines are told apart."""
LABELS_APART = 0.1
"""Of the axis: labels of places that lie nearer would run into one another."""


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
        labelled = labelled_places(places, is_logarithmic)
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value in labelled else "")
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel(label)
        axes.set_title(heading, pad=6)
        if len(lines) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
        return as_svg(figure, title)


def labelled_places(places: Sequence[float], is_logarithmic: bool) -> list[float]:
    """Those of ascending places whose labels can be read: each `LABELS_APART` from the one before."""
    along = [math.log(place) if is_logarithmic else place for place in places]
    least = LABELS_APART * (along[-1] - along[0])
    kept: list[int] = []
    for number in range(len(places)):
        if not kept or along[number] - along[kept[-1]] >= least:
            kept.append(number)
    return [places[number] for number in kept]
