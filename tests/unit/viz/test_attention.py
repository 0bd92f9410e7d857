"""The strip of words over time: what is drawn where, and how strongly."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.viz.attention import LABELS, WIDTH, attention_strip

WORDS = ["a", "person", "walks"]


def strip(attention_WT, words=WORDS, rate=20.0):
    return attention_strip(words, np.asarray(attention_WT), rate, "what <the> words look at")


def cells(svg):
    """Rectangles with an opacity of each word's row: first frame's place, width, opacity."""
    groups = re.findall(r"<g fill[^>]*>(.*?)</g>", svg)[:-1]  # the last is the legend
    found = [
        re.findall(r'x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="18" opacity="([\d.]+)"', g)
        for g in groups
    ]
    return [[tuple(map(float, cell)) for cell in row] for row in found]


def test_a_word_is_drawn_where_it_looks_and_full_where_it_looks_most():
    attention = np.zeros((3, 40))
    attention[0, :4], attention[0, 4:8] = 0.125, 0.125
    attention[1, 36:] = 0.25
    attention[2] = 1 / 40
    first, second, third = cells(strip(attention))
    scale = (WIDTH - LABELS) / 40
    assert first == [(LABELS, pytest.approx(8 * scale, abs=0.02), 0.5)]
    assert second == [(pytest.approx(LABELS + 36 * scale, abs=0.02), pytest.approx(4 * scale, abs=0.02), 1.0)]
    assert {opacity for _, _, opacity in third} == {0.1}
    assert sum(width for _, width, _ in third) == pytest.approx(WIDTH - LABELS, abs=0.1)
    assert "none to 10.0 times an even look" in strip(attention)


def test_seconds_are_on_the_axis():
    ticks = re.findall(r'font-size="11"[^>]*>([\d.]+)(?: s)?</text>', strip(np.full((3, 90), 1 / 90)))
    assert ticks == ["0", "1", "2", "3", "4"]
    short = re.findall(r'font-size="11"[^>]*>([\d.]+)(?: s)?</text>', strip(np.full((3, 20), 1 / 20)))
    assert short == ["0", "0.25", "0.5", "0.75", "1"]


def test_words_and_title_cannot_break_out():
    svg = strip(np.full((3, 8), 1 / 8), ["<script>", "a&b", "w" * 40])
    root = ET.fromstring(svg)
    assert root.attrib["aria-label"] == "what <the> words look at"
    texts = [element.text for element in root.iter("text")]
    assert texts[:3] == ["<script>", "a&b", "w" * 13 + "…"]


def test_the_same_attention_gives_the_same_bytes():
    attention = np.random.default_rng(0).dirichlet(np.ones(16), size=3)
    assert strip(attention) == strip(attention.copy())


@pytest.mark.parametrize(
    ("attention", "told"),
    [
        (np.full((2, 8), 0.1), r"shape \(2, 8\) for 3 words"),
        (np.empty((3, 0)), r"shape \(3, 0\)"),
        (np.full((3, 8), np.nan), "not finite"),
        (np.full((3, 8), -0.1), "negative"),
    ],
)
def test_what_cannot_be_drawn_is_named(attention, told):
    with pytest.raises(LampError, match=told):
        strip(attention)
