"""Body and hands are measured apart where there are hands, and are no rows where there are none."""

from dataclasses import replace

import numpy as np
import pytest

from lamp_core.datasets.items import Item
from lamp_core.evaluation.catalogue import metric_of
from lamp_core.evaluation.protocols.control import evaluate_control
from lamp_core.evaluation.protocols.joints import evaluate_completion
from lamp_core.evaluation.protocols.reconstruction import Reconstruction, evaluate_tokenizer
from lamp_core.evaluation.protocols.text_to_motion import evaluate_text_to_motion
from lamp_core.evaluation.results import Result
from lamp_core.features.parts import hand_columns
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, SKELETON, STATISTICS, CodeEvaluator

SMPLX52 = load_skeleton("smplx52")
WIDTH = SMPLX52.feature_count
HANDS = list(hand_columns(WIDTH))
OF_WHOLE_BODY = FeatureStatistics(np.full(WIDTH, 0.02, np.float32), np.full(WIDTH, 0.1, np.float32))
BRIEF = SETTINGS.model_copy(update={"repeats": 1, "generations": 1})


class EveryNumber(CodeEvaluator):
    """A motion's embedding is the mean of some numbers of body and hands."""

    def embed_motions(self, motions: list[np.ndarray]) -> np.ndarray:
        seen = [*range(8), *HANDS[:8]]
        return np.stack([np.asarray(motion).mean(axis=0)[seen] for motion in motions])


@pytest.fixture(scope="module")
def items() -> list[Item]:
    draws = np.random.default_rng(0)
    return [
        replace(item, features_TD=draws.normal(0.02, 0.1, (40, WIDTH)).astype(np.float32)) for item in ITEMS
    ]


def hands_lost(motions: list[np.ndarray]) -> list[np.ndarray]:
    made = [motion.copy() for motion in motions]
    for motion_TD in made:
        motion_TD[:, HANDS] *= 0.2
    return made


def values(rows: list[Result], system: str) -> dict[str, float]:
    return {row.metric: row.value for row in rows if row.system == system}


def test_lost_hands_are_errors_of_the_hands_alone(items: list[Item]) -> None:
    systems = {"no hands": Reconstruction(hands_lost)}
    judge = EveryNumber(ITEMS)
    rows = evaluate_tokenizer(items, systems, judge, SMPLX52, OF_WHOLE_BODY, BRIEF)
    found, floor = values(rows, "no hands"), values(rows, "mean pose")
    assert found["MPJPE body"] == pytest.approx(0.0, abs=1e-2)
    assert found["MPJPE hands"] > 50 and found["MPJPE fingers"] > 50
    assert found["MPJPE"] == pytest.approx((22 * found["MPJPE body"] + 30 * found["MPJPE hands"]) / 52)
    assert found["FID body"] == pytest.approx(0.0, abs=1e-6)
    assert 1e-3 < found["FID hands"] < floor["FID hands"]
    assert all(metric_of(row) is not None for row in rows)


def test_generated_motions_are_measured_by_part_too(items: list[Item]) -> None:
    true = [OF_WHOLE_BODY.normalise(item.features_TD) for item in items]

    def generate(captions: object, frames: object, seed: int) -> list[np.ndarray]:
        return hands_lost(true[: len(frames)])  # type: ignore[arg-type]

    settings = BRIEF.model_copy(update={"multimodality_texts": 1, "multimodality_motions": 2})
    judge = EveryNumber(ITEMS)
    rows = evaluate_text_to_motion(items, {"no hands": generate}, judge, OF_WHOLE_BODY, settings)
    found = values(rows, "no hands")
    assert found["FID body"] == pytest.approx(0.0, abs=1e-6) and found["FID hands"] > 1e-3
    assert all(metric_of(row) is not None for row in rows)


def lost(captions: object, motions: list[np.ndarray], given: list[np.ndarray], seed: int) -> list[np.ndarray]:
    return hands_lost(motions)


@pytest.mark.parametrize("protocol", ["prediction", "in-betweening", "control"])
def test_errors_of_given_and_added_frames_are_told_by_part_too(items: list[Item], protocol: str) -> None:
    evaluate = evaluate_control if protocol == "control" else evaluate_completion
    rows = evaluate(items[:4], {"no hands": lost}, SMPLX52, OF_WHOLE_BODY, BRIEF)
    of_one = [row for row in rows if row.protocol.startswith(protocol) and row.system == "no hands"]
    found = values(of_one[::-1], "no hands")  # the first of several tasks stays
    names = ("Recon", "Vel") if protocol == "control" else ("Recon", "Vel", "ADE", "FDE")
    for name in names:
        assert found[f"{name} hands"] > 1.0 and found[name] > 0.1
        # The turn to the first given pose looks at the hands too.
        assert found[f"{name} body"] < 0.5 * found[f"{name} hands"]
        whole = (22 * found[f"{name} body"] + 30 * found[f"{name} hands"]) / 52
        assert found[name] == pytest.approx(whole)
    assert found["Recon fingers"] > 1.0 and "Vel fingers" not in found
    assert all(metric_of(row) is not None for row in rows)


def lost_nothing(captions: object, motions: list[np.ndarray], given: object, seed: int) -> list[np.ndarray]:
    return list(motions)


def test_a_body_without_hands_has_no_parts() -> None:
    systems = {"itself": Reconstruction(list)}
    rows = evaluate_tokenizer(ITEMS, systems, CodeEvaluator(ITEMS), SKELETON, STATISTICS, BRIEF)
    rows += evaluate_completion(ITEMS[:4], {"no hands": lost_nothing}, SKELETON, STATISTICS, BRIEF)
    rows += evaluate_control(ITEMS[:4], {"no hands": lost_nothing}, SKELETON, STATISTICS, BRIEF)
    assert not {row.metric for row in rows if row.metric.endswith(("body", "hands", "fingers"))}
