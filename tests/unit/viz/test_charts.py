import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lamp_core.viz.charts import (
    VARIABLES,
    Bar,
    Curve,
    bin_curve,
    histogram,
    loss_curve,
    metric_bars,
    shorten,
    similarity_heat_map,
)


def charts():
    steps = np.arange(500)
    return {
        "loss": loss_curve(Curve(steps, np.exp(-steps / 60) + 0.01), "loss", "tokenizer: loss"),
        "similarity": similarity_heat_map(np.eye(3), ["walks", "costs $5 & $6", "<b>"], "similarity"),
        "bars": metric_bars([Bar("LaMP", 61.25, 0.4), Bar("chance", 9.4, baseline=True)], "R@3, %", "R@3", 1),
        "histogram": histogram([1.0, 2.0, 2.5, 7.0], "duration, s", "clips", "durations"),
    }


@pytest.fixture(scope="module")
def drawn():
    return charts()


def test_charts_are_well_formed_svg_with_text_as_text(drawn):
    texts = {}
    for name, svg in drawn.items():
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts[name] = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "loss" in texts["loss"]
    assert {"costs $5 & $6  2", "<b>  3"} <= set(texts["similarity"])
    assert {"LaMP", "61.2", "9.4", "R@3, %"} <= set(texts["bars"])
    assert {"duration, s", "clips"} <= set(texts["histogram"])


def test_the_same_inputs_give_the_same_bytes(drawn):
    assert charts() == drawn


def test_colours_are_variables_of_the_page(drawn):
    for svg in drawn.values():
        for colour in re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg):
            assert colour not in VARIABLES
        assert "var(--chart-ink" in svg


def test_charts_hold_no_date_no_global_style_and_no_unused_id(drawn):
    for svg in drawn.values():
        assert not re.search(r"<metadata|<style|<\?xml|<!DOCTYPE", svg)
        for identity in re.findall(r'\bid="([^"]+)"', svg):
            assert f"#{identity}" in svg


def test_every_element_keeps_its_attributes_apart(drawn):
    for svg in drawn.values():
        assert not re.search(r"<[a-z]+d=", svg)
        assert " d=" in svg


def test_bins_keep_the_mean_and_the_extremes():
    steps = np.arange(1600.0)
    values = np.where(steps % 10 < 5, 1.0, 3.0)
    binned_steps, mean, low, high = bin_curve(Curve(steps, values))
    assert len(binned_steps) == 160
    assert np.allclose([mean, low, high], [[2.0], [1.0], [3.0]])


def test_values_that_are_not_finite_are_left_out():
    steps, mean, _, _ = bin_curve(Curve([0, 10, 20], [1.0, float("nan"), 3.0]))
    assert steps.tolist() == [0, 20] and mean.tolist() == [1.0, 3.0]
    assert "no finite value" in loss_curve(Curve([0], [float("inf")]), "loss", "diverged")


def test_long_labels_are_cut():
    assert shorten("walks", 5) == "walks"
    assert shorten("a person walks", 9) == "a person…"
