"""Pose control: how near motions of a text come to poses that were given with it (MotionGPT-2, Table VII).

Shapes: T frames, D feature numbers a frame, J joints, K frames of key poses.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.evaluation.baselines import INTERPOLATION, is_baseline
from lamp_core.evaluation.protocols.common import (
    Made,
    MotionTextEvaluator,
    OnProgress,
    TestItems,
    random_draws,
)
from lamp_core.evaluation.protocols.joints import (
    NO_EVALUATOR,
    Complete,
    in_world,
    joints_of,
    record_whole_and_parts,
)
from lamp_core.evaluation.protocols.made_motions import MadeMotions
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.features.interpolation import interpolated
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.completion import completion_errors, key_pose_errors
from lamp_core.skeleton.skeleton import Skeleton

TEXT_ALONE, ONE_ANSWER, FORCED = "text alone", "one answer", "poses forced"
KEY_POSES = 3
NAMES = ("Recon", "Recon summed", "Vel", "Vel summed")

Poses = Callable[[int, np.random.Generator], np.ndarray]
"""Motion tokens and draws to the tokens that are given, bool (S,)."""


def first_pose(tokens: int, draws: np.random.Generator) -> np.ndarray:
    """The first token."""
    return np.arange(tokens) < 1


def last_pose(tokens: int, draws: np.random.Generator) -> np.ndarray:
    """The last token."""
    return np.arange(tokens) >= tokens - 1


def key_poses(tokens: int, draws: np.random.Generator) -> np.ndarray:
    """Some tokens at random."""
    return np.isin(np.arange(tokens), draws.permutation(tokens)[: min(KEY_POSES, tokens - 1)])


TASKS: Mapping[str, Poses] = {
    "initial pose": first_pose,
    "last pose": last_pose,
    f"key poses, {KEY_POSES} at random, nearest frame": key_poses,
}


def evaluate_control(
    items: Sequence[Item],
    systems: Mapping[str, Complete],
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    settings: Evaluate,
    on_progress: OnProgress | None = None,
    forced: Mapping[str, Complete] | None = None,
    evaluator: MotionTextEvaluator | None = None,
    once: Mapping[str, Complete] | None = None,
) -> list[Result]:
    """Recon and Vel of given poses: the first, the last, and some at random.

    A pose is a motion token of four frames. First and last pose are measured where they belong, in the world
    of the given pose; a key pose at the frame of the motion that is nearest, since its place is not told.
    Every system is measured again without the poses (`TEXT_ALONE`), where it is one of ``once`` by its first
    answer (`ONE_ANSWER`), so that what the poses do and what a choice among answers does stand apart, and
    where it is one of ``forced`` with poses that are put at their places (`FORCED`); all with the same texts,
    lengths and seeds. The floor holds
    what is given and leads over from one to the next (`INTERPOLATION`); other baselines have one row each.
    Everything is measured ``settings.completions`` times, with the captions of the repeat. With an evaluator
    the motions are embedded too (`MadeMotions`).

    Raises:
        LampError: no items, or a system that does not return one motion an item.
    """
    test = TestItems.of([item for item in items if item.frames >= 2 * DOWNSAMPLING], statistics)
    true = joints_of([item.features_TD for item in test.items], skeleton)
    total, rows = len(TASKS) * settings.completions, []
    for place, (task, choose) in enumerate(TASKS.items()):
        protocol = f"control, {task}"
        rows_of = [row for name in systems for row in _rows(name, systems, once or {}, forced or {})]
        names = (INTERPOLATION, *(row for row, _, _ in rows_of))
        seen = MadeMotions.by(evaluator, test, protocol, settings, matches_texts=True)
        measured = {name: Measurements(name, protocol, NO_EVALUATOR, len(test), test.note) for name in names}
        for repeat in range(settings.completions):
            draws = random_draws(settings, repeat, protocol)
            given = [
                np.repeat(choose(len(each) // DOWNSAMPLING, draws), DOWNSAMPLING) for each in test.motions
            ]
            floor = [interpolated(*each) for each in zip(true, given, strict=True)]
            _measure(measured[INTERPOLATION], task, true, floor, given, skeleton)
            texts_N = test.draw_captions(settings, repeat)
            captions = test.captions_at(texts_N)
            seen.measure_truth(texts_N, repeat)
            for row, control, are_told in rows_of:
                told = given if are_told else [np.zeros_like(given_T) for given_T in given]
                motions = control(captions, test.motions, told, settings.seed + repeat)
                made = Made.of(row, motions, len(test))
                measured[row].items = min(measured[row].items, len(made))
                measured[row].add_note(made.note and f"repeat {repeat + 1}: {made.note}")
                kept = [[whole[index] for index in made.places] for whole in (true, given)]
                joints = joints_of([statistics.denormalise(motion) for motion in made.motions], skeleton)
                _measure(measured[row], task, kept[0], joints, kept[1], skeleton)
                seen.measure(row, made, texts_N, repeat)
            if on_progress:
                on_progress(place * settings.completions + repeat + 1, total, f"{task}, repeat {repeat + 1}")
        rows += [row for of_system in measured.values() for row in of_system.results()]
        rows += seen.results()
    return rows


def _rows(
    name: str,
    systems: Mapping[str, Complete],
    once: Mapping[str, Complete],
    forced: Mapping[str, Complete],
) -> list[tuple[str, Complete, bool]]:
    """The rows of a system: name, what makes the motions, and whether it is given the poses."""
    if is_baseline(name):
        return [(name, systems[name], True)]
    rows = [(name, systems[name], True), (f"{name}, {TEXT_ALONE}", systems[name], False)]
    further = {ONE_ANSWER: once, FORCED: forced}
    return rows + [(f"{name}, {how}", made[name], True) for how, made in further.items() if name in made]


def _measure(
    measured: Measurements,
    task: str,
    true: Sequence[np.ndarray],
    made: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
    skeleton: Skeleton,
) -> None:
    def errors_of(root_of: Mapping[int, int] | None) -> Mapping[str, float]:
        if task.startswith("key"):
            keys = [np.flatnonzero(given_T) for given_T in given]
            return key_pose_errors(true, made, keys, skeleton, root_of)
        placed = [in_world(*each) for each in zip(made, true, given, strict=True)]
        return completion_errors(true, placed, given, skeleton, root_of=root_of)

    record_whole_and_parts(measured, NAMES, errors_of, skeleton)
