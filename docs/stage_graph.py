"""The graph of the stages: a column for all that may run at once, edges that go around the boxes."""

from typing import Any

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from tasks.stages.catalogue import CATALOGUE

WIDTH, HEIGHT = 2.2, 0.48  # of a box
MOST_LETTERS = 17  # in a line
BETWEEN_COLUMNS, BETWEEN_ROWS = 0.9, 0.24
QUIET = "#566070"
COLOURS = ("#dce9f6", "#f8e3d6", "#dcefe2", "#efe0f3", "#f7efd0", "#d9eef0", "#f6dde4")
BOTH = "#e9ece6"
SYSTEM_COLOURS = dict(zip(CATALOGUE.systems, COLOURS, strict=False))
"""Of the stages of one system alone, in the catalogue's order."""

Point = tuple[float, float]
Places = dict[str, Point]


class _Box:
    """What the layout needs to know of a stage; its rows are our columns, so the sides are exchanged."""

    w = HEIGHT
    h = WIDTH
    xy: Point = (0.0, 0.0)


class _Way:
    """The points that the layout leads an edge through."""

    points: list[Point]

    def setpath(self, points: list[Point]) -> None:
        self.points = points


def stage_edges() -> dict[str, set[str]]:
    """The stages that each reads directly, and that nothing else of what it reads reads."""
    reads = {name: set(stage.reads) for name, stage in CATALOGUE.stages.items()}
    reads["report"] |= set(CATALOGUE.evaluations())

    def all_before(stage: str) -> set[str]:
        return {found for before in reads[stage] for found in {before, *all_before(before)}}

    return {
        name: read - {found for before in read for found in all_before(before)}
        for name, read in reads.items()
    }


def laid_out(edges: dict[str, set[str]]) -> tuple[Places, list[list[Point]]]:
    """Where the middle of each box is, and the points from box to box of each edge (Sugiyama's layout)."""
    stages = {name: Vertex(name) for name in edges}
    for stage in stages.values():
        stage.view = _Box()
    lines = [Edge(stages[before], stages[name]) for name, read in edges.items() for before in sorted(read)]
    for line in lines:
        line.view = _Way()
    layout = SugiyamaLayout(Graph(list(stages.values()), lines).C[0])
    layout.xspace, layout.yspace = BETWEEN_ROWS, BETWEEN_COLUMNS
    layout.init_all()
    layout.draw(N=12)
    places = {name: _turned(stage.view.xy) for name, stage in stages.items()}
    return places, [[_turned(point) for point in line.view.points] for line in lines]


def _turned(point: Point) -> Point:
    """The layout goes from top to bottom, the picture from left to right."""
    return point[1], -point[0]


def draw_stages(axes: Any) -> tuple[float, float]:
    """Draw the boxes and, between them, the edges; returns the picture's width and height."""
    places, ways = laid_out(stage_edges())
    for way in ways:
        _draw_way(axes, way)
    for name, (x, y) in places.items():
        systems = CATALOGUE.systems_of(name)
        colour = SYSTEM_COLOURS.get(systems[0], BOTH) if len(systems) == 1 else BOTH
        box = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": QUIET, "lw": 0.8}
        axes.add_patch(FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, **box))
        is_long = len(name) > MOST_LETTERS
        label, size = (name.replace("_", "_\n", 1), 7.2) if is_long else (name, 8.5)
        axes.text(x, y, label, ha="center", va="center", fontsize=size, linespacing=1.05)
    across, down = zip(*places.values(), strict=True)
    axes.set(
        xlim=(min(across) - WIDTH / 2 - 0.1, max(across) + WIDTH / 2 + 0.1),
        ylim=(min(down) - HEIGHT, max(down) + HEIGHT),
    )
    return max(across) - min(across) + WIDTH, max(down) - min(down) + HEIGHT


def _draw_way(axes: Any, way: list[Point]) -> None:
    """A curve from column to column; where it passes a column of boxes it is level, and so behind none."""
    half = WIDTH / 2
    (x, y), points, codes = way[0], [(way[0][0] + half, way[0][1])], [Curve.MOVETO]
    for next_x, next_y in way[1:]:
        start, end = x + half, next_x - half
        middle = (start + end) / 2
        points += [(start, y), (middle, y), (middle, next_y), (end, next_y)]
        codes += [Curve.LINETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
        x, y = next_x, next_y
    axes.add_patch(PathPatch(Curve(points, codes), fc="none", ec=QUIET, lw=0.8, zorder=0))
    tip = (points[-1][0] - 0.02, points[-1][1])
    axes.add_patch(
        FancyArrowPatch(
            tip, points[-1], arrowstyle="-|>", mutation_scale=9, color=QUIET, lw=0, shrinkA=0, shrinkB=0
        )
    )
