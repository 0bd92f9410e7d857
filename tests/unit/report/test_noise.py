"""Differences that mean nothing are called so."""

from lamp_core.evaluation.catalogue import FID, MM_DIST
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
