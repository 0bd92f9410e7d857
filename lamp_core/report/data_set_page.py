"""The page of ``lamp data describe``: a data set in figures, self-contained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lamp_core.datasets.describe import Description
from lamp_core.datasets.drift import Drift
from lamp_core.viz.charts import Bar, histogram, histogram_panel, metric_bars
from lamp_core.viz.templating import asset, render_template

if TYPE_CHECKING:
    from markupsafe import Markup

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
WORD_NAMES = {"VERB": "verbs", "NOUN": "nouns", "ADV": "adverbs", "ADJ": "adjectives"}


def render_description(described: Description, drift: Drift | None = None) -> str:
    """The page as HTML that loads nothing; the same data give the same bytes.

    Args:
        described: the data set.
        drift: its features against another set's, or None to leave the section out.
    """
    from markupsafe import Markup

    return render_template(
        "describe.html",
        described=described,
        drift=drift,
        policy=POLICY,
        style=Markup(f"<style>\n{asset('theme.css')}{asset('report.css')}</style>"),
        seconds_chart=_histogram(described.seconds_N, "duration of a clip, s", "clips"),
        words_chart=_histogram(described.words_C, "words of a caption", "captions"),
        group_charts=[
            Markup(histogram_panel(described.samples[group.group], group.group, f"Values of {group.group}"))
            for group in described.groups
        ],
        word_charts=[
            (WORD_NAMES[tag], _word_bars(words, WORD_NAMES[tag]))
            for tag, words in described.common_words.items()
            if words
        ],
    )


def _histogram(values: np.ndarray, label: str, count_label: str) -> "Markup | None":
    from markupsafe import Markup

    return (
        Markup(histogram(values, label, count_label, f"{label}: how many {count_label}"))
        if len(values)
        else None
    )


def _word_bars(words: Sequence[tuple[str, int]], name: str) -> "Markup":
    from markupsafe import Markup

    bars = [Bar(word, float(count)) for word, count in words]
    return Markup(metric_bars(bars, "times", f"The most frequent {name} of the captions", decimals=0))
