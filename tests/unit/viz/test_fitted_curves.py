import xml.etree.ElementTree as ElementTree

import numpy as np

from lamp_core.viz.charts import Curve
from lamp_core.viz.fitted_curves import Check, FittedCurve, fitted_curves

PLACES = np.geomspace(1e3, 1e5, 5)


def curve(size: float, *checks: Check) -> FittedCurve:
    values = 1 + size**-0.3 + PLACES**-0.3
    return FittedCurve(
        size, PLACES, values, 0.9 * values, 1.1 * values, Curve(PLACES[:3], values[:3]), checks
    )


def test_a_curve_has_its_size_and_checks_have_a_mark_of_their_own() -> None:
    bare = [curve(2e5), curve(1.5e6)]
    checked = [curve(2e5), curve(1.5e6, Check(1e5, 1.1, 1.0, 1.2))]
    svg = fitted_curves(checked, "clips", "loss", "loss by sizes")
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"200 k", "1.5 M", "clips", "loss", "10 k", "100 k"} <= set(texts)
    assert (
        svg.count("--chart-2") > 0 == fitted_curves(bare, "clips", "loss", "loss by sizes").count("--chart-2")
    )
    assert fitted_curves(checked, "clips", "loss", "loss by sizes") == svg
