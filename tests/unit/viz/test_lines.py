"""Line charts: which places of the axis have a label."""

from lamp_core.viz.charts import Curve
from lamp_core.viz.lines import labelled_places, line_chart


def test_labels_of_places_that_lie_close_do_not_run_into_one_another() -> None:
    assert labelled_places([0.0, 0.0005, 0.002, 0.008], False) == [0.0, 0.002, 0.008]
    assert labelled_places([256.0, 512.0, 1024.0], True) == [256.0, 512.0, 1024.0]
    assert labelled_places([256.0, 512.0, 1024.0, 65536.0], False) == [256.0, 65536.0]
    assert labelled_places([3.0], False) == [3.0]


def test_a_place_without_a_label_has_its_mark() -> None:
    svg = line_chart({"a": Curve((0.0, 0.0005, 0.008), (1.0, 2.0, 3.0))}, "weight", "recall", "a chart")
    assert ">0.008<" in svg and ">0.0005<" not in svg
    logarithmic = line_chart({"a": Curve((256, 512, 65536), (1, 2, 3))}, "n", "y", "b", is_logarithmic=True)
    assert all(f">{place}<" in logarithmic for place in ("256", "512", "65536"))
    fewer = line_chart({"a": Curve((0.0, 0.008), (1.0, 3.0))}, "weight", "recall", "a chart")
    assert svg.count("<use") > fewer.count("<use")
