import math

import numpy as np
import pytest

from lamp_core.evaluation.catalogue import metric_of
from lamp_core.evaluation.protocols.reconstruction import Reconstruction, evaluate_tokenizer
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, SKELETON, STATISTICS, CodeEvaluator

ERRORS = ("MPJPE", "PA-MPJPE", "heading error", "path error", "acceleration error")


def half(motions):
    return [0.5 * motion for motion in motions]


def evaluate(reconstruct, usage=None):
    systems = {"half": Reconstruction(reconstruct, usage)}
    return evaluate_tokenizer(ITEMS, systems, CodeEvaluator(ITEMS), SKELETON, STATISTICS, SETTINGS)


def table(rows):
    return {(row.system, row.metric): row for row in rows}


def test_rows_have_a_ceiling_and_a_floor():
    rows = evaluate(half)
    assert list(dict.fromkeys(row.system for row in rows)) == [
        *("ground truth", "truth, other half", "mean pose", "half")
    ]
    found = table(rows)
    for metric in ERRORS:
        assert found["ground truth", metric].value == pytest.approx(0.0, abs=1e-3)
    assert found["ground truth", "FID"].value == pytest.approx(0.0, abs=1e-6)
    assert found["ground truth", "R-Precision top 1"].value == 1.0
    for metric in ("MPJPE", "FID"):
        assert 0 < found["half", metric].value < found["mean pose", metric].value
        assert found["half", metric].repeats == 1
    assert found["half", "PA-MPJPE"].value < found["half", "MPJPE"].value
    assert found["mean pose", "R-Precision top 1"].value == pytest.approx(1 / 32)
    assert found["half", "R-Precision top 1"].repeats == SETTINGS.repeats


def test_the_use_of_the_codes_is_that_of_the_test_items():
    seen = []

    def usage(motions):
        seen.append(len(motions))
        return [0.25, 12.0]

    found = table(evaluate(half, usage))
    assert seen == [len(ITEMS)]
    assert found["half", "code utilisation"].value == 0.25
    assert found["half", "code perplexity"].value == 12.0
    assert ("mean pose", "code perplexity") not in found


def test_a_reconstruction_of_another_length_gets_no_error_of_joints():
    found = table(evaluate(lambda motions: [motion[:-4] for motion in motions]))
    for metric in ERRORS:
        assert math.isnan(found["half", metric].value)
        assert "clip 0 has shape" in found["half", metric].note
    assert found["half", "FID"].measured


def test_broken_reconstructions_are_left_out_and_counted():
    def broken(motions):
        made = half(motions)
        made[2] = np.full_like(made[2], np.nan)
        return made

    row = table(evaluate(broken))["half", "MPJPE"]
    assert row.measured
    assert row.items == len(ITEMS) - 1
    assert row.note == f"1 of {len(ITEMS)} motions not finite, left out"


def test_a_further_evaluator_stands_behind_and_changes_nothing_of_the_first():
    systems, second = {"half": Reconstruction(half)}, CodeEvaluator(ITEMS, "minilm-own", "MiniLM-")
    of_both = evaluate_tokenizer(
        ITEMS, systems, CodeEvaluator(ITEMS), SKELETON, STATISTICS, SETTINGS, matching=[second]
    )
    alone = evaluate(half)
    assert list(map(repr, of_both[: len(alone)])) == list(map(repr, alone))
    first, second = table(alone), table(of_both[len(alone) :])
    assert {row.evaluator for row in of_both[len(alone) :]} == {"minilm-own"}
    assert {metric_of(row).name for row in of_both[len(alone) :]} == {
        f"MiniLM-{name}"
        for name in ("FID", "FID-infinity", "KID", "MM-Dist", *(f"R-Precision top {k}" for k in (1, 2, 3)))
    }
    for system in ("ground truth", "truth, other half", "mean pose", "half"):
        assert second[system, "MiniLM-FID"].value == first[system, "FID"].value
    assert second["half", "MiniLM-R-Precision top 1"].repeats == SETTINGS.repeats
