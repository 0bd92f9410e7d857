"""The report's charts and motions as files of their own, for whoever keeps them with a run.

Legend of shapes: N items, V verbs.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.datasets.preprocessing.tagging import tag_words
from lamp_core.report.experiment_charts import experiment_charts
from lamp_core.report.report import bar_chart
from lamp_core.report.report_data import Comparison, ReportData
from lamp_core.viz.charts import confusion_heat_map, loss_curve, similarity_heat_map
from lamp_core.viz.gif import save_gif
from lamp_core.viz.player import player_page

PLOTS, SAMPLES = "plots", "samples"
MOST_VERBS = 14
NO_VERB, OTHER = "no verb", "others"
ANIMATED = 2
"""Samples that are also written as GIF: drawing one takes a second or two."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often a caption with the row's verb finds first a motion whose caption has the column's."""

    verbs: Sequence[str]
    counts_VV: np.ndarray


def verb_confusion(captions: Sequence[str], similarity_NN: np.ndarray) -> Confusion | None:
    """Which actions retrieval takes for which, by the first verb of each caption; None with one verb alone.

    Args:
        captions: N captions, each with its motion.
        similarity_NN: of caption i and motion j.
    """
    verb_of = [first_verb(caption) for caption in captions]
    frequent = [verb for verb, _ in Counter(verb_of).most_common(MOST_VERBS)]
    shown = [*sorted(frequent), *([OTHER] if len(set(verb_of)) > len(frequent) else [])]
    if len(shown) < 2:
        return None
    places = {verb: place for place, verb in enumerate(shown)}
    place_N = np.array([places.get(verb, len(shown) - 1) for verb in verb_of])
    counts_VV = np.zeros((len(shown), len(shown)), dtype=int)
    np.add.at(counts_VV, (place_N, place_N[similarity_NN.argmax(axis=1)]), 1)
    return Confusion(shown, counts_VV)


def first_verb(caption: str) -> str:
    """The base form of the first verb of a sentence."""
    words, tags = tag_words(caption)
    return next((word for word, tag in zip(words, tags, strict=True) if tag == "VERB"), NO_VERB)


def write_figures(folder: Path, data: ReportData, confusion: Confusion | None = None) -> list[Path]:
    """Write ``plots/*.svg`` (curves, metrics, similarity, confusion) and ``samples/*.html`` with some as GIF.

    Returns:
        The files.

    Raises:
        LampError: when a motion does not fit its skeleton or is not finite.
    """
    files = []
    for name, svg in _plots(data, confusion):
        files.append(folder / PLOTS / f"{_file_name(name)}.svg")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_text(svg, encoding="utf-8")
    for place, comparison in enumerate(data.comparisons, start=1):
        files += _write_sample(
            folder / SAMPLES, f"{place:02}-{_file_name(comparison.clip)}", comparison, place
        )
    return files


def _plots(data: ReportData, confusion: Confusion | None) -> Iterator[tuple[str, str]]:
    """Name and SVG of each plot."""
    for stage in data.curves:
        for name, curve in stage.curves.items():
            yield f"{stage.stage}-{name}", loss_curve(curve, name, f"{stage.stage}: {name} over the steps")
    for place, table in enumerate(data.tables, start=1):
        if bars := bar_chart(table):
            yield f"metrics-{place:02}-{table.title}", bars
    for experiment in data.experiments:
        for title, svg in experiment_charts(experiment):
            yield f"experiment-{experiment.record.name}-{title}", svg
    if data.heat_map is not None:
        title = "Similarity of captions and motions"
        yield "similarity", similarity_heat_map(data.heat_map.similarity_NN, data.heat_map.captions, title)
    if confusion is not None:
        title = "Verb of the caption and of the motion that it finds first"
        yield "confusion", confusion_heat_map(confusion.counts_VV, confusion.verbs, title)


def _write_sample(folder: Path, name: str, comparison: Comparison, place: int) -> list[Path]:
    """The true and the generated motion as a page that plays both, and the generated one as a GIF."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.html"]
    files[0].write_text(player_page(comparison.motions, comparison.clip), encoding="utf-8")
    if place <= ANIMATED:
        made = comparison.motions[-1]
        files.append(folder / f"{name}.gif")
        save_gif(files[1], made.joints_TJ3, made.skeleton, made.frames_per_second, made.caption, pixels=280)
    return files


def _file_name(text: str) -> str:
    """Letters, digits, dots and hyphens of a name, in lower case."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"
