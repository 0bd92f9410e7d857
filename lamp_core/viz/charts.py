"""Charts as inline SVG, drawn by matplotlib in one style.

Text stays text and colours are the page's CSS variables, so a chart is legible in light and dark; the same
inputs give the same bytes. Legend of shapes: N items.
"""

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, FIRST, SECOND, THIRD = "#5d6571", "#e4e6e2", "#21677e", "#dc6429", "#9aa2ae"
VARIABLES = {INK: "chart-ink", GRID: "chart-grid", FIRST: "chart-1", SECOND: "chart-2", THIRD: "chart-3"}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.parse_math": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "ytick.minor.size": 0.0,
    "xtick.major.width": 0.8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
PANEL_WIDTH, PANEL_HEIGHT, CHART_WIDTH = 2.9, 1.8, 8.0  # inches
CURVE_POINTS = 160
MOST_BINS = 40
LOGARITHMIC_FROM = 30.0  # ratio of the largest to the smallest value
LONGEST_LABEL = 58  # letters


@dataclass(frozen=True, eq=False)
class Curve:
    """Values of one name over the steps of training, N logged ones."""

    steps: Sequence[float] | np.ndarray
    values: Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Bar:
    """One bar: a system's value of a metric with the half-width of its interval; baselines are grey."""

    label: str
    value: float
    interval: float = 0.0
    baseline: bool = False


def loss_curve(curve: Curve, name: str, title: str) -> str:
    """One panel of small multiples: the mean of bins of steps, and the spread within a bin as a band.

    Args:
        curve: values that are not finite are left out; drawn on a logarithmic axis when they span much.
        name: heading of the panel.
        title: read by screen readers.
    """
    with chart_style(title):
        figure, axes = new_figure(PANEL_WIDTH, PANEL_HEIGHT)
        _draw_curve(axes, curve)
        axes.set_title(name, pad=6)
        return as_svg(figure, title)


def measured_curve(curve: Curve, label: str, name: str, title: str) -> str:
    """A panel with a mark a measurement, over a quantity that doubles.

    Args:
        curve: above 0, in ascending order.
        label: of the quantity.
        name: heading of the panel.
        title: read by screen readers.
    """
    with chart_style(title):
        figure, axes = new_figure(PANEL_WIDTH, PANEL_HEIGHT)
        axes.plot(curve.steps, curve.values, color=FIRST, marker="o", markersize=3.5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(curve.steps), [f"{step:g}" for step in curve.steps])
        axes.set_ylim(bottom=0)
        axes.set_xlabel(label)
        axes.set_title(name, pad=6)
        return as_svg(figure, title)


def similarity_heat_map(similarity_NN: np.ndarray, captions: Sequence[str], title: str) -> str:
    """Similarity of every caption (row) and every motion (column); matched pairs lie on the diagonal.

    Args:
        similarity_NN: cosine of caption i and motion j.
        captions: N row labels, shortened.
        title: read by screen readers.
    """
    items = len(captions)
    numbers = range(1, items + 1)
    labels = [f"{shorten(text, 44)}  {number}" for number, text in zip(numbers, captions, strict=True)]
    shown = [number for number in numbers if items <= 16 or number % 4 == 0 or number == 1]
    with chart_style(title):
        figure, axes, bar_axes = _heat_map_axes(items)
        image = axes.imshow(similarity_NN, cmap="viridis", interpolation="none", aspect="auto")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_yticks(range(items), labels, fontsize=7.5)
        axes.set_xticks([number - 1 for number in shown], [str(number) for number in shown], fontsize=7.5)
        axes.set_xlabel("motion")
        bar = figure.colorbar(image, cax=bar_axes, label="cosine similarity")
        bar.ax.spines[:].set_visible(False)
        return as_svg(figure, title)


def confusion_heat_map(counts_VV: np.ndarray, labels: Sequence[str], title: str) -> str:
    """Counts of what (row) was taken for what (column), coloured by their share of the row.

    Args:
        counts_VV: whole numbers.
        labels: of rows and columns.
        title: read by screen readers.
    """
    shares_VV = counts_VV / np.maximum(counts_VV.sum(axis=1, keepdims=True), 1)
    places = range(len(labels))
    with chart_style(title):
        figure, axes, bar_axes = _heat_map_axes(len(labels))
        image = axes.imshow(shares_VV, cmap="viridis", interpolation="none", aspect="auto", vmin=0, vmax=1)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_yticks(places, [shorten(label, 24) for label in labels], fontsize=7.5)
        axes.set_xticks(places, [shorten(label, 8) for label in labels], fontsize=7.5, rotation=90)
        for row, column in zip(*counts_VV.nonzero(), strict=True):
            light = "#ffffff" if shares_VV[row, column] < 0.6 else "#1b1e22"
            number = str(int(counts_VV[row, column]))
            axes.text(column, row, number, ha="center", va="center", fontsize=6.5, color=light)
        bar = figure.colorbar(image, cax=bar_axes, label="share of the row")
        bar.ax.spines[:].set_visible(False)
        return as_svg(figure, title)


def metric_bars(bars: Sequence[Bar], label: str, title: str, decimals: int = 3) -> str:
    """One metric of several systems as horizontal bars with their intervals.

    Args:
        bars: from top to bottom.
        label: of the axis, with the unit.
        title: read by screen readers.
        decimals: of the values written beside the bars.
    """
    places = np.arange(len(bars))[::-1]
    values = [bar.value for bar in bars]
    with chart_style(title):
        figure, axes = new_figure(CHART_WIDTH * 0.75, 0.32 * len(bars) + 0.65)
        axes.barh(places, values, height=0.6, color=[THIRD if bar.baseline else FIRST for bar in bars])
        spread = [bar.interval for bar in bars]
        axes.errorbar(values, places, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.6)
        axes.set_yticks(places, [shorten(bar.label) for bar in bars])
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(label)
        axes.margins(x=0.14)
        axes.set_xlim(left=min(0.0, *values))
        for place, bar in zip(places, bars, strict=True):
            end = (bar.value + bar.interval, float(place))
            text = f"{bar.value:.{decimals}f}"
            axes.annotate(text, end, (5, 0), textcoords="offset points", va="center", fontsize=8)
        return as_svg(figure, title)


def histogram(values: Sequence[float] | np.ndarray, label: str, count_label: str, title: str) -> str:
    """How often values fall into each of up to 40 bins; whole numbers get a bin each where they fit.

    Args:
        values: at least one number.
        label: of the axis of the values, with the unit.
        count_label: what is counted.
        title: read by screen readers.
    """
    with chart_style(title):
        figure, axes = new_figure(CHART_WIDTH * 0.75, 1.7)
        axes.hist(np.asarray(values, dtype=float), bins=_bins(np.asarray(values)), color=FIRST, rwidth=0.92)
        axes.grid(visible=False, axis="x")
        axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", integer=np.asarray(values).dtype.kind in "iu")
        axes.set_xlabel(label)
        axes.set_ylabel(count_label)
        return as_svg(figure, title)


def _bins(values: np.ndarray) -> int | list[float]:
    """Number of bins, or the edges around each whole number."""
    if values.dtype.kind in "iu" and int(values.max()) - int(values.min()) < MOST_BINS:
        return [whole - 0.5 for whole in range(int(values.min()), int(values.max()) + 2)]
    return int(np.clip(np.sqrt(len(values)), 5, MOST_BINS))


def histogram_panel(values: Sequence[float] | np.ndarray, name: str, title: str) -> str:
    """One panel of small multiples: shares of the values in 30 bins between the 0.5th and 99.5th percentile.

    Args:
        values: at least one number; what lies outside counts for the first or the last bin.
        name: heading of the panel.
        title: read by screen readers.
    """
    numbers = np.asarray(values, dtype=float)
    low, high = np.percentile(numbers, [0.5, 99.5])
    with chart_style(title):
        figure, axes = new_figure(PANEL_WIDTH, PANEL_HEIGHT)
        shares = np.full(len(numbers), 1 / len(numbers))
        axes.hist(np.clip(numbers, low, high), bins=30, weights=shares, color=FIRST, rwidth=0.96)
        axes.grid(visible=False, axis="x")
        axes.locator_params(nbins=4)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_title(name, pad=6)
        return as_svg(figure, title)


def shorten(text: str, letters: int = LONGEST_LABEL) -> str:
    """The text, cut with an ellipsis when it is longer than `letters`."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _draw_curve(axes: "Axes", curve: Curve) -> None:
    steps, mean, low, high = bin_curve(curve)
    axes.grid(visible=False, axis="x")
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}k" if step >= 10_000 else f"{step:g}")
    if not len(steps):
        axes.text(0.5, 0.5, "no finite value", ha="center", va="center", transform=axes.transAxes)
        return
    axes.fill_between(steps, low, high, color=FIRST, alpha=0.18, linewidth=0)
    axes.plot(steps, mean, color=FIRST, marker="o" if len(steps) == 1 else "")
    if low.min() > 0 and high.max() / low.min() > LOGARITHMIC_FROM:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda *_: "")
    else:
        axes.locator_params(axis="y", nbins=4)


def bin_curve(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """At most 160 points of a curve: step, mean, smallest and largest value of each bin of finite values."""
    steps, values = np.asarray(curve.steps, dtype=float), np.asarray(curve.values, dtype=float)
    steps, values = steps[np.isfinite(values)], values[np.isfinite(values)]
    groups = np.array_split(np.arange(len(values)), min(CURVE_POINTS, len(values)) or 1)
    if not len(values):
        return steps, values, values, values
    return (
        np.array([steps[group].mean() for group in groups]),
        np.array([values[group].mean() for group in groups]),
        np.array([values[group].min() for group in groups]),
        np.array([values[group].max() for group in groups]),
    )


def chart_style(salt: str) -> AbstractContextManager[None]:
    """The common style; `salt` fixes the ids inside the SVG, which matplotlib draws at random otherwise."""
    import matplotlib

    return matplotlib.rc_context({**STYLE, "svg.hashsalt": salt})


def new_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """A figure of its own, outside pyplot, so that no backend is chosen for the process; inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _heat_map_axes(items: int) -> tuple["Figure", "Axes", "Axes"]:
    """A square of cells with room for captions on its left, and a colour bar on its right."""
    from matplotlib.figure import Figure

    left, right, below, above = 2.75, 1.1, 0.5, 0.08  # inches
    side = items * float(np.clip(4.6 / items, 0.145, 0.4))
    width, height = left + side + right, below + side + above
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, below / height, side / width, side / height))
    bar = figure.add_axes(((left + side + 0.2) / width, below / height, 0.14 / width, side / height))
    return figure, axes, bar


def as_svg(figure: "Figure", title: str) -> str:
    """The figure's `<svg>` element, coloured by CSS variables, without date, creator and unused ids."""
    from markupsafe import escape

    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=metadata, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style).*?</\1>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="[^"]*"', lambda path: _shorter_path(path[0]), svg)
    referenced = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in referenced else "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable}, {colour})")
    svg = svg.replace("'DejaVu Sans'", "var(--font, sans-serif)")
    svg = re.sub(r">\s+<", "><", svg).strip()
    return f'<svg class="chart" role="img" stroke-linejoin="round" aria-label="{escape(title)}"{svg[4:]}'


def _shorter_path(path: str) -> str:
    """A path on one line with hundredths of a point."""
    rounded = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path)
    return " " + " ".join(rounded.split()).replace(' "', '"')
