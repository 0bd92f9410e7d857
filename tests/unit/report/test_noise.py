"""Differences that mean nothing are called so."""

from lamp_core.evaluation.catalogue import DIVERSITY, FID, MM_DIST, Metric
from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import metric_table
from lamp_core.report.noise import noise_remarks


def result(system: str, value: float, interval: float = 0.0, repeats: int = 1, metric: str = "FID") -> Result:
    return Result(system, metric, value, interval, "text to motion", "guo-own", repeats, 460)


def test_systems_within_the_spread_of_the_truths_halves_are_named() -> None:
    rows = [
        result("ground truth", 0.0),
        result("truth, other half", 2.4, interval=0.25, repeats=16),  # single draws spread by 1.0
        result("untrained", 90.0),
        result("good", 3.3),
        result("better", 2.5),
        result("bad", 9.0),
        result("good", 5.0, metric="MM-Dist"),
    ]
    assert noise_remarks(rows, [FID, MM_DIST]) == [
        "FID: good, better within the noise of the truth itself (truth, other half: 2.400 ± 1.000)",
        "FID: good and better differ by less than random halves of the truth spread (± 1.000)",
    ]
    assert noise_remarks(rows, [FID])[0] in metric_table("t", rows[:-1], [FID]).remarks
    assert noise_remarks(rows[2:], [FID]) == []


def test_differences_inside_the_intervals_are_named_once_a_pair() -> None:
    rows = [
        result("ground truth", 2.0, 0.1, 20, "MM-Dist"),
        *(
            result(name, value, half, 20, "MM-Dist")
            for name, value, half in (("a", 3.0, 0.1), ("b", 3.15, 0.1), ("c", 3.3, 0.04))
        ),
        *(result(name, value, 0.1, 20, "Diversity") for name, value in (("a", 9.0), ("b", 9.1), ("c", 9.9))),
        *(result(name, 5.0, 0.0, 1, "MultiModality") for name in "ab"),
    ]
    multimodality = Metric("MultiModality", "higher")
    assert noise_remarks(rows, [MM_DIST, DIVERSITY, multimodality]) == [
        "a and b differ by less than their intervals together in MM-Dist, Diversity"
    ]
    two_ways = {"one way": [row for row in rows if row.metric == "MM-Dist"], "other way": rows[:1]}
    remarks = metric_table("t", two_ways, [MM_DIST]).remarks
    assert remarks[0] == "one way: a and b differ by less than their intervals together in MM-Dist"
