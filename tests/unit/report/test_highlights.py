from lamp_core.evaluation.results import Result
from lamp_core.report.highlights import highlights

GENERATION = "text to motion, 32 candidates"


def result(system, metric, value, protocol=GENERATION):
    return Result(system, metric, value, 0.0, protocol, "guo-own", 20, 460)


def test_the_first_system_stands_out_and_baselines_beside_it():
    (found,) = highlights(
        [
            result("ground truth", "R-Precision top 3", 0.8),
            result("untrained", "R-Precision top 3", 0.1),
            result("LaMP-T2M", "R-Precision top 3", 0.612),
            result("another", "R-Precision top 3", 0.9),
        ]
    )
    assert (found.label, found.value, found.unit) == ("Text to motion, R-Precision top 3", "61.2", "%")
    assert found.note == "ground truth 80.0, untrained 10.0"


def test_what_was_not_measured_is_no_highlight():
    found = highlights(
        [
            result("LaMP-T2M", "FID", float("nan")),
            result("ground truth", "R-Precision top 3", 0.8),
            result("VQ-VAE", "MPJPE", 41.96, "reconstruction, 32 candidates"),
            result("mean pose", "MPJPE", float("nan"), "reconstruction, 32 candidates"),
        ]
    )
    assert [(each.label, each.value, each.note) for each in found] == [("Tokenizer, MPJPE", "42.0", "")]
