"""What joints tell, as rows of `Result`: physical plausibility, and completion of motions given in part.

Shapes: T frames, J joints, D feature numbers a frame, S motion tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, Item, length_batches, pad
from lamp_core.errors import RejectedClip
from lamp_core.evaluation.baselines import GROUND_TRUTH, INTERPOLATION
from lamp_core.evaluation.protocols.common import (
    Made,
    MotionTextEvaluator,
    OnProgress,
    TestItems,
    random_draws,
)
from lamp_core.evaluation.protocols.made_motions import MadeMotions
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.features.anchor import anchored
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.features.interpolation import interpolated
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.body_limits import LIMITS, body_limits
from lamp_core.metrics.bones import BODY, body_errors
from lamp_core.metrics.completion import PELVIS, completion_errors
from lamp_core.metrics.plausibility import PLAUSIBILITY, plausibility
from lamp_core.metrics.reconstruction import part_roots
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton

NO_EVALUATOR = "none"
ERRORS = ("Recon", "Vel", "ADE", "FDE")
PATH = "given poses fix the path"
BATCH_FRAMES = 20_000

MakeMotions = Callable[[TestItems], Sequence[np.ndarray]]
"""Test items to normalised features, one motion an item."""
Complete = Callable[
    [Sequence[Caption], Sequence[np.ndarray], Sequence[np.ndarray], int], Sequence[np.ndarray]
]
"""Captions, normalised true motions (T, D), their given frames (bool, T; whole tokens) and a seed to
normalised features in the same shapes."""


def evaluate_plausibility(
    items: Sequence[Item],
    systems: Mapping[str, MakeMotions],
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    reference_J3: np.ndarray,
) -> list[Result]:
    """What feet, bones and the parts of the features do, of true and made motions, the true ones first.

    Raises:
        LampError: no items, or a system that does not return one motion an item.
    """
    test = TestItems.of(items, statistics)
    every: dict[str, MakeMotions] = {GROUND_TRUTH: lambda test: test.motions, **systems}
    rows: list[Result] = []
    for name, make in every.items():
        made = Made.of(name, make(test), len(test))
        measured = Measurements(name, "plausibility", NO_EVALUATOR, len(made), test.note)
        measured.add_note(made.note)
        features = [statistics.denormalise(motion) for motion in made.motions]
        joints = joints_of(features, skeleton)
        measured.record(PLAUSIBILITY, partial(_plausibility, joints, skeleton))
        measured.record(BODY, partial(_body, features, skeleton, reference_J3))
        measured.record(LIMITS, partial(_limits, joints, skeleton))
        rows += measured.results()
    return rows


def evaluate_completion(
    items: Sequence[Item],
    systems: Mapping[str, Complete],
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    settings: Evaluate,
    on_progress: OnProgress | None = None,
    evaluator: MotionTextEvaluator | None = None,
    reference_J3: np.ndarray | None = None,
) -> list[Result]:
    """ADE and FDE of what had to be added, Recon and Vel of what was given: prediction and in-betweening.

    Given are whole tokens of four frames: the first ones (``settings.predicted_from``), or all but a share at
    random places (``settings.masked_between``). The given poses fix the path: every system's root is led from
    given pose to given pose (`anchored`), and distances are in the world of the first one. The floor is
    `interpolation`, between the given poses in that world. Everything is measured ``settings.completions``
    times, with the captions of the repeat. With an evaluator the same motions, on that path, are embedded too
    (`MadeMotions`), the floor by the features of its joints with the bones of ``reference_J3`` (the
    skeleton's own without it).

    Raises:
        LampError: no items, or a system that does not return one motion an item.
    """
    test = TestItems.of(items, statistics)
    true = joints_of([item.features_TD for item in test.items], skeleton)
    tasks = _completion_tasks(settings)
    total, rows = len(tasks) * settings.completions, []
    for place, (protocol, choose) in enumerate(tasks.items()):
        names = (INTERPOLATION, *systems)
        seen = MadeMotions.by(evaluator, test, protocol, settings)
        measured = {name: Measurements(name, protocol, NO_EVALUATOR, len(test), test.note) for name in names}
        for repeat in range(settings.completions):
            draws = random_draws(settings, repeat, protocol.removesuffix(f", {PATH}"))
            given = [choose(len(motion) // DOWNSAMPLING, draws) for motion in test.motions]
            filled = [interpolated(*each) for each in zip(true, given, strict=True)]
            _measure(measured[INTERPOLATION], true, filled, given, skeleton)
            texts_N = test.draw_captions(settings, repeat)
            captions = test.captions_at(texts_N)
            seen.measure_truth(texts_N, repeat)
            if evaluator is not None:
                features = _features_of_all(filled, skeleton, statistics, reference_J3)
                seen.measure(INTERPOLATION, Made.of(INTERPOLATION, features, len(test)), texts_N, repeat)
            for name, complete in systems.items():
                completed = complete(captions, test.motions, given, settings.seed + repeat)
                made = Made.of(name, completed, len(test))
                measured[name].items = min(measured[name].items, len(made))
                measured[name].add_note(made.note and f"repeat {repeat + 1}: {made.note}")
                kept = [[whole[index] for index in made.places] for whole in (true, given)]
                features = _on_the_paths(made, test, given, statistics)
                joints = [in_world(*each) for each in zip(joints_of(features, skeleton), *kept, strict=True)]
                _measure(measured[name], kept[0], joints, kept[1], skeleton)
                led = [np.asarray(statistics.normalise(raw), dtype=np.float32) for raw in features]
                seen.measure(name, replace(made, motions=led), texts_N, repeat)
            if on_progress:
                done = place * settings.completions + repeat + 1
                on_progress(done, total, f"{protocol.partition(',')[0]}, repeat {repeat + 1}")
        rows += [row for of_system in measured.values() for row in of_system.results()]
        rows += seen.results()
    return rows


def _completion_tasks(settings: Evaluate) -> dict[str, Callable[[int, np.random.Generator], np.ndarray]]:
    """Protocols, and what gives the frames of each of motion tokens and draws."""
    return {
        f"prediction, first {settings.predicted_from:.0%} given": lambda tokens, _: first_given(
            tokens, settings.predicted_from
        ),
        f"in-betweening, {settings.masked_between:.0%} masked, {PATH}": lambda tokens, draws: (
            masked_at_random(tokens, settings.masked_between, draws)
        ),
    }


def first_given(tokens: int, share: float) -> np.ndarray:
    """Return the given frames (T,) for a prediction: the first tokens, at least one, never all."""
    count = min(max(1, round(share * tokens)), max(1, tokens - 1))
    return np.repeat(np.arange(tokens) < count, DOWNSAMPLING)


def masked_at_random(tokens: int, share: float, draws: np.random.Generator) -> np.ndarray:
    """Return the given frames (T,) for in-betweening: all but tokens at random, some of both."""
    count = min(max(1, round(share * tokens)), max(1, tokens - 1))
    given_S = np.ones(tokens, dtype=bool)
    given_S[draws.permutation(tokens)[:count]] = False
    return np.repeat(given_S, DOWNSAMPLING)


def in_world(made_TJ3: np.ndarray, true_TJ3: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """Joints turned about the vertical and moved over the floor: the first given pose is where it was."""
    first = int(given_T.argmax())
    if first >= len(made_TJ3):
        return made_TJ3
    made_TJ, true_J = (joints[..., 0] + 1j * joints[..., 2] for joints in (made_TJ3, true_TJ3[first]))
    made_TJ = made_TJ - made_TJ[first, PELVIS]
    alike = np.vdot(made_TJ[first], true_J - true_J[PELVIS])
    made_TJ = made_TJ * (alike / abs(alike) if abs(alike) > 0 else 1.0) + true_J[PELVIS]
    placed_TJ3: np.ndarray = np.stack([made_TJ.real, made_TJ3[..., 1], made_TJ.imag], axis=-1)
    return placed_TJ3


def joints_of(features: Sequence[np.ndarray], skeleton: Skeleton) -> list[np.ndarray]:
    """Return the joints (T, J, 3) of raw features (T, D), decoded in batches of similar length."""
    joints: dict[int, np.ndarray] = {}
    for batch in length_batches([len(clip) for clip in features], BATCH_FRAMES):
        # Copied: torch takes no read-only arrays, as those of a data set are.
        features_BTD, _ = pad([np.array(features[index], dtype=np.float32) for index in batch])
        # Place and heading add up over the frames before: the padding behind a clip changes nothing in it.
        with torch.no_grad():
            joints_BTJ3 = decode(features_BTD, skeleton).numpy()
        for index, joints_TJ3 in zip(batch, joints_BTJ3, strict=True):
            joints[index] = joints_TJ3[: len(features[index])]
    return [joints[index] for index in range(len(features))]


def features_of(
    joints_TJ3: np.ndarray,
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    reference_J3: np.ndarray,
    frames: int,
) -> np.ndarray:
    """Return the normalised features of joints; of frames that have none, those of the last one.

    Args:
        joints_TJ3: of a motion.
        skeleton: whose joints they are.
        statistics: that normalise.
        reference_J3: the pose whose bone lengths the features have.
        frames: that are wanted, T - 1 at least.

    Raises:
        RejectedClip: the joints have no features.
    """
    raw_TD = encode(joints_TJ3, skeleton, reference_J3).numpy()
    whole_TD = np.pad(raw_TD, ((0, frames - len(raw_TD)), (0, 0)), mode="edge")
    return np.asarray(statistics.normalise(whole_TD), dtype=np.float32)


def _features_of_all(
    joints: Sequence[np.ndarray],
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    reference_J3: np.ndarray | None,
) -> list[np.ndarray]:
    """Features as long as the joints; not finite where joints have none, so that they are left out."""
    reference_J3 = np.asarray(canonical_reference(skeleton)) if reference_J3 is None else reference_J3
    found = []
    for joints_TJ3 in joints:
        try:
            found.append(features_of(joints_TJ3, skeleton, statistics, reference_J3, len(joints_TJ3)))
        except RejectedClip:
            found.append(np.full((len(joints_TJ3), skeleton.feature_count), np.nan, dtype=np.float32))
    return found


def _on_the_paths(
    made: Made, test: TestItems, given: Sequence[np.ndarray], statistics: FeatureStatistics
) -> list[np.ndarray]:
    """Completions, not normalised, each on the path that its given poses fix."""
    return [
        _on_the_path(statistics.denormalise(motion), test.items[index].features_TD, given[index])
        for motion, index in zip(made.motions, made.places, strict=True)
    ]


def _on_the_path(made_TD: np.ndarray, true_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """The root led from given pose to given pose; a completion of another length is told of as it is."""
    return anchored(made_TD, true_TD, given_T) if len(made_TD) == len(true_TD) else made_TD


def _plausibility(joints: Sequence[np.ndarray], skeleton: Skeleton) -> list[float]:
    found = plausibility(joints, skeleton)
    return [found[name] for name in PLAUSIBILITY]


def _body(features: Sequence[np.ndarray], skeleton: Skeleton, reference_J3: np.ndarray) -> list[float]:
    found = body_errors(features, skeleton, reference_J3)
    return [found[name] for name in BODY]


def _limits(joints: Sequence[np.ndarray], skeleton: Skeleton) -> list[float]:
    found = body_limits(joints, skeleton)
    return [found[name] for name in LIMITS]


def _measure(
    measured: Measurements,
    true: Sequence[np.ndarray],
    made: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
    skeleton: Skeleton,
) -> None:
    names = [f"{name}{ending}" for name in ERRORS for ending in ("", " summed")]
    record_whole_and_parts(
        measured,
        names,
        lambda root_of: completion_errors(true, made, given, skeleton, root_of=root_of),
        skeleton,
    )


def record_whole_and_parts(
    measured: Measurements,
    names: Sequence[str],
    errors_of: Callable[[Mapping[int, int] | None], Mapping[str, float]],
    skeleton: Skeleton,
) -> None:
    """Record errors of all joints, and with hands those of body, hands and fingers apart (`part_roots`).

    Fingers, wrist on wrist, have ``Recon`` alone: in the world they are the hands.

    Args:
        measured: of the system.
        names: of the errors.
        errors_of: the joints and their roots, or None for all joints, to errors by name.
        skeleton: whose joints they are.
    """

    def record(ending: str, wanted: Sequence[str], root_of: Mapping[int, int] | None) -> None:
        def measure() -> list[float]:
            errors = errors_of(root_of)
            return [errors[name] for name in wanted]

        measured.record([f"{name}{ending}" for name in wanted], measure)

    record("", names, None)
    means = [name for name in names if name in ERRORS]
    for part, root_of in part_roots(skeleton).items():
        record(f" {part}", ERRORS[:1] if part == "fingers" else means, root_of)
