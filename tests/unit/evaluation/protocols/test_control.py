"""Pose control as rows, by systems whose errors are known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lamp_core.datasets.captions import Caption
from lamp_core.evaluation.baselines import NEIGHBOUR
from lamp_core.evaluation.catalogue import metric_of
from lamp_core.evaluation.protocols.control import (
    FORCED,
    ONE_ANSWER,
    TASKS,
    TEXT_ALONE,
    evaluate_control,
)
from lamp_core.evaluation.results import Result
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, SKELETON, STATISTICS, CodeEvaluator

SOME = ITEMS[:8]
Motions = Sequence[np.ndarray]


def keeps_poses(captions: Sequence[Caption], motions: Motions, given: Motions, seed: int) -> list[np.ndarray]:
    """The true motion where some of it is given, and otherwise one that stands still in its first frame."""
    return [
        motion_TD if given_T.any() else np.repeat(motion_TD[:1], len(motion_TD), axis=0)
        for motion_TD, given_T in zip(motions, given, strict=True)
    ]


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str, str], Result]:
    found = evaluate_control(SOME, {"keeps": keeps_poses}, SKELETON, STATISTICS, SETTINGS)
    return {(row.system, row.protocol, row.metric): row for row in found}


@pytest.mark.parametrize("task", list(TASKS))
def test_who_makes_the_true_motion_is_at_no_distance(
    task: str, rows: dict[tuple[str, str, str], Result]
) -> None:
    for metric in ("Recon", "Recon summed", "Vel", "Vel summed"):
        assert rows["keeps", f"control, {task}", metric].value == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("task", [task for task in TASKS if not task.startswith("initial")])
def test_without_the_poses_they_are_missed(task: str, rows: dict[tuple[str, str, str], Result]) -> None:
    alone = rows[f"keeps, {TEXT_ALONE}", f"control, {task}", "Recon"]
    assert alone.value > 0.1 and alone.items == len(SOME)


def test_a_held_pose_is_where_it_belongs_and_does_not_move(rows: dict[tuple[str, str, str], Result]) -> None:
    for task in ("initial pose", "last pose"):
        assert rows["interpolation", f"control, {task}", "Recon"].value == pytest.approx(0, abs=1e-3)
        assert rows["interpolation", f"control, {task}", "Vel"].value > 0


def test_what_is_told_is_what_the_task_gives() -> None:
    draws = np.random.default_rng(0)
    told = [int(choose(10, draws).sum()) for choose in TASKS.values()]
    assert told == [1, 1, 3]
    assert [choose(10, draws)[-1] for choose in TASKS.values()][1]
    seen: list[list[int]] = []

    def control(captions: object, motions: Motions, given: Motions, seed: int) -> list[np.ndarray]:
        seen.append([int(given_T.sum()) for given_T in given])
        return list(motions)

    evaluate_control(SOME, {"any": control}, SKELETON, STATISTICS, SETTINGS)
    per_repeat = [[4] * len(SOME), [0] * len(SOME)]
    assert seen[:2] == per_repeat and seen[-1] == [0] * len(SOME)
    assert {count for counts in seen for count in counts} == {0, 4, 12}


def test_poses_that_are_forced_have_a_row_of_their_own() -> None:
    def misses(captions: object, motions: Motions, given: Motions, seed: int) -> list[np.ndarray]:
        return [np.repeat(motion_TD[:1], len(motion_TD), axis=0) for motion_TD in motions]

    found = evaluate_control(
        SOME, {"any": misses}, SKELETON, STATISTICS, SETTINGS, forced={"any": keeps_poses}
    )
    recon = {(row.system, row.protocol): row.value for row in found if row.metric == "Recon"}
    assert recon[f"any, {FORCED}", "control, last pose"] == pytest.approx(0, abs=1e-3)
    assert recon["any", "control, last pose"] == recon[f"any, {TEXT_ALONE}", "control, last pose"] > 0.1


def test_what_a_choice_among_answers_does_stands_apart() -> None:
    def misses(captions: object, motions: Motions, given: Motions, seed: int) -> list[np.ndarray]:
        return [np.repeat(motion_TD[:1], len(motion_TD), axis=0) for motion_TD in motions]

    asked = (SOME, {"any": keeps_poses}, SKELETON, STATISTICS, SETTINGS)
    found = evaluate_control(*asked, once={"any": misses})
    recon = {(row.system, row.protocol): row.value for row in found if row.metric == "Recon"}
    assert recon["any", "control, last pose"] == pytest.approx(0, abs=1e-3)
    assert recon[f"any, {ONE_ANSWER}", "control, last pose"] > 0.1
    others = [row for row in found if ONE_ANSWER not in row.system]
    assert others == evaluate_control(*asked)


def test_an_evaluator_sees_what_was_made_of_poses_and_changes_no_other_row() -> None:
    without = evaluate_control(ITEMS, {"keeps": keeps_poses}, SKELETON, STATISTICS, SETTINGS)
    forced = {"keeps": keeps_poses}
    judge = CodeEvaluator(ITEMS)
    asked = (ITEMS, {"keeps": keeps_poses, NEIGHBOUR: keeps_poses}, SKELETON, STATISTICS, SETTINGS)
    found = evaluate_control(*asked, forced=forced, evaluator=judge)
    seen = {(row.system, row.protocol, row.metric): row for row in found if row.evaluator == "perfect"}
    others = [row for row in found if row.evaluator != "perfect"]
    assert [row for row in others if row.system != NEIGHBOUR and FORCED not in row.system] == without
    assert all(metric_of(row) is not None for row in found)
    for task in TASKS:
        protocol = f"control, {task}"
        names = {system for system, of, _ in seen if of == protocol}
        one = {"keeps", f"keeps, {TEXT_ALONE}", f"keeps, {FORCED}", NEIGHBOUR}  # a baseline has one row
        assert names == {"ground truth", "truth, other half", *one}
        assert seen["keeps", protocol, "FID"].value == pytest.approx(0, abs=1e-6)
        assert seen["keeps", protocol, "R-Precision top 1"].value == 1
        assert seen[f"keeps, {TEXT_ALONE}", protocol, "FID"].value > 1
        assert seen["keeps", protocol, "Diversity"] == replace(
            seen["ground truth", protocol, "Diversity"], system="keeps"
        )
