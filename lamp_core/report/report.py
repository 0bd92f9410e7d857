"""The report: one self-contained HTML page of what went in, how training went and what came out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lamp_core.report.experiment_charts import experiment_charts
from lamp_core.report.experiments import experiment_tables
from lamp_core.report.metric_tables import MetricTable
from lamp_core.report.report_data import (
    CaptionedMotion,
    Comparison,
    DataSummary,
    HeatMap,
    KeywordHit,
    MotionWords,
    ReportData,
    RetrievalExample,
    StageCurves,
    WordedMotion,
)
from lamp_core.report.second_opinion import judgements_of, second_opinions
from lamp_core.report.tables import ARROWS
from lamp_core.viz.attention import attention_strip
from lamp_core.viz.charts import Bar, histogram, loss_curve, measured_curve, metric_bars, similarity_heat_map
from lamp_core.viz.cloud import sized
from lamp_core.viz.player import (
    PlayerMotion,
    content_security_policy,
    player_fragment,
    player_script,
    player_style,
)
from lamp_core.viz.templating import asset, render_template

if TYPE_CHECKING:
    from markupsafe import Markup

ARROW_WORDS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "closer": "closer to the ground truth is better",
    "neither": "",
}


def render_report(data: ReportData) -> str:
    """The page as HTML that loads nothing; the same data give the same bytes.

    Raises:
        LampError: when a motion does not fit its skeleton or is not finite.
    """
    return render_template(
        "report.html",
        report=data,
        policy=content_security_policy(),
        style=_safe(player_style() + f"<style>\n{asset('report.css')}</style>"),
        script=_safe(player_script()),
        clip_seconds_chart=_clip_seconds_chart(data.data),
        stages=[(stage, _curve_charts(stage)) for stage in data.curves],
        tables=[(table, bar_chart(table)) for table in data.tables],
        opinions=second_opinions(judgements_of(data.tables)),
        experiments=[
            (
                experiment,
                experiment_tables(experiment),
                [_safe(svg) for _, svg in experiment_charts(experiment)],
            )
            for experiment in data.experiments
        ],
        heat_map_chart=_heat_map_chart(data.heat_map),
        comparisons=[(item, _player(item, index)) for index, item in enumerate(data.comparisons)],
        captioned=_captioned(data.captioned),
        worded=_worded(data.words) if data.words else [],
        keyword_hits=_keyword_hits(data.words) if data.words else [],
        sparsity=_sparsity(data.words) if data.words else [],
        retrievals=[(item, _small_players(item, index)) for index, item in enumerate(data.retrievals)],
        parameters=[
            (section, list(flatten(values))) for section, values in sections(data.parameters).items()
        ],
        arrows=ARROWS,
        arrow_words=ARROW_WORDS,
        format_rank=format_rank,
    )


def format_rank(rank: float) -> str:
    """A rank without decimals unless a tie gave it one; a rank that is not finite is written as words."""
    if not math.isfinite(rank):
        return "unknown"
    return f"{rank:.0f}" if rank == round(rank) else f"{rank:.1f}"


def sections(parameters: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Sections of the parameters by name; values outside a section come first, under an empty name."""
    outside = {key: value for key, value in parameters.items() if not isinstance(value, Mapping)}
    inside = {key: value for key, value in parameters.items() if isinstance(value, Mapping)}
    return ({"": outside} if outside else {}) | inside


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of dotted key and value as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)


def _safe(html: str) -> "Markup":
    from markupsafe import Markup

    return Markup(html)


def _clip_seconds_chart(data: DataSummary | None) -> "Markup | None":
    if data is None or not len(data.clip_seconds):
        return None
    return _safe(histogram(data.clip_seconds, "duration of a clip, s", "clips", "Durations of the clips"))


def _curve_charts(stage: StageCurves) -> list["Markup"]:
    return [
        _safe(loss_curve(curve, name, f"{stage.stage}: {name} over the steps"))
        for name, curve in stage.curves.items()
    ]


def bar_chart(table: MetricTable) -> "Markup | None":
    """Bars of one column, of the first group of rows."""
    if not table.chart:
        return None
    place = [column.name for column in table.columns].index(table.chart)
    column, group = table.columns[place], table.groups[0]
    bars = [
        Bar(row.system, cell.value, cell.interval, row.baseline)
        for row in group.rows
        if (cell := row.cells[place]) is not None and cell.measured
    ]
    label = ", ".join(filter(None, (group.heading, column.heading))) + (
        f", {column.unit}" if column.unit else ""
    )
    return _safe(metric_bars(bars, label, f"{table.title}: {label}", column.decimals)) if bars else None


def _heat_map_chart(heat_map: HeatMap | None) -> "Markup | None":
    if heat_map is None:
        return None
    return _safe(
        similarity_heat_map(heat_map.similarity_NN, heat_map.captions, "Similarity of captions and motions")
    )


def _player(comparison: Comparison, index: int) -> "Markup":
    return _safe(player_fragment(comparison.motions, f"generated-{index + 1}"))


def _captioned(
    captioned: Sequence[CaptionedMotion],
) -> list[tuple[CaptionedMotion, "Markup | None", "Markup | None"]]:
    """Each motion with the strip of its words and its player, None where it is not explained."""
    return [
        (example, _strip(example), _small_player(example.motion, f"captioned-{index}"))
        for index, example in enumerate(captioned, start=1)
    ]


def _strip(example: CaptionedMotion) -> "Markup | None":
    if example.attention_WT is None or example.motion is None:
        return None
    title = f"What the words of the caption look at over time: {example.caption}"
    rate = example.motion.frames_per_second
    return _safe(attention_strip(example.words, example.attention_WT, rate, title))


def _small_player(motion: PlayerMotion | None, element_id: str) -> "Markup | None":
    return None if motion is None else _safe(player_fragment([motion], element_id, compact=True))


def _small_players(example: RetrievalExample, index: int) -> list["Markup | None"]:
    return [
        _small_player(found.motion, f"retrieved-{index + 1}-{place}")
        for place, found in enumerate(example.retrieved, start=1)
    ]


def _worded(words: MotionWords) -> list[tuple[WordedMotion, list[tuple[str, float, float]], "Markup | None"]]:
    """Each motion with its words (word, weight, size in em: the heaviest is the largest) and its player."""
    return [
        (
            motion,
            sized(motion.words),
            _small_player(motion.motion, f"worded-{index}"),
        )
        for index, motion in enumerate(words.motions, start=1)
    ]


def _keyword_hits(words: MotionWords) -> list[tuple[str, list[tuple[KeywordHit, "Markup | None"]]]]:
    return [
        (query, [(hit, _small_player(hit.motion, f"hit-{number}-{place}")) for place, hit in enumerate(hits)])
        for number, (query, hits) in enumerate(words.keywords.items(), start=1)
    ]


def _sparsity(words: MotionWords) -> list["Markup"]:
    curves = {f"{name}, %": curve for name, curve in words.recall.items()}
    curves["time of a query, ms"] = words.milliseconds
    return [
        _safe(measured_curve(curve, "words kept", name, f"{name} by the words that are kept"))
        for name, curve in curves.items()
    ]
