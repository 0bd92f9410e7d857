"""The tokenizer as rows of `Result`: what is lost between features and codes.

Shapes: N items, T frames, D feature numbers a frame, S motion tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.evaluation.baselines import GROUND_TRUTH, MEAN_POSE
from lamp_core.evaluation.protocols.common import (
    Embedded,
    Made,
    MotionTextEvaluator,
    TestItems,
    candidates,
    random_draws,
)
from lamp_core.evaluation.protocols.distances import (
    has_distances,
    measure_distances,
    measure_halves,
    measure_part_distances,
    other_half,
)
from lamp_core.evaluation.protocols.text_to_motion import measure_matching, routed
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.fid import frechet_distance
from lamp_core.metrics.reconstruction import (
    acceleration_error,
    heading_error,
    mpjpe,
    pa_mpjpe,
    part_mpjpe,
    part_roots,
    path_error,
)
from lamp_core.skeleton.skeleton import Skeleton

ERRORS: Mapping[str, Callable[[Sequence[np.ndarray], Sequence[np.ndarray], Skeleton], float]] = {
    "MPJPE": mpjpe,
    "PA-MPJPE": pa_mpjpe,
    "heading error": heading_error,
    "path error": path_error,
    "acceleration error": acceleration_error,
}
USAGE = ("code utilisation", "code perplexity")

Reconstruct = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
"""Normalised features through the tokenizer and back, in the same shapes."""
CodeUsage = Callable[[Sequence[np.ndarray]], Sequence[float]]
"""Normalised features to the share of codes in use (0..1) and the perplexity of the codes."""


@dataclass(frozen=True)
class Reconstruction:
    """A system that is measured by what it gives back.

    Args:
        reconstruct: normalised features through the system and back.
        usage: of its codes; None where there are none.
    """

    reconstruct: Reconstruct
    usage: CodeUsage | None = None


def evaluate_tokenizer(
    items: Sequence[Item],
    systems: Mapping[str, Reconstruction],
    evaluator: MotionTextEvaluator,
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    settings: Evaluate,
    *,
    matching: Sequence[MotionTextEvaluator] = (),
    embed: Callable[[TestItems, MotionTextEvaluator], Embedded] = Embedded.of,
) -> list[Result]:
    """Errors of joints, heading and path, FID, R-Precision, MM-Dist and use of the codes.

    With hands, MPJPE and FID of body and hands apart.

    The first rows are the ground truth and the mean pose. R-Precision and MM-Dist are measured
    ``settings.repeats`` times with new captions and batches, all else once. Of further evaluators
    (``matching``) FID, KID, R-Precision and MM-Dist are taken; their rows stand behind all others.

    Raises:
        LampError: no items, or a system that does not return one motion an item.
    """
    test = TestItems.of(items, statistics)
    judge, *further = (embed(test, each) for each in (evaluator, *matching))
    protocol = f"reconstruction, {candidates(settings)}, {routed(settings.route)}"
    every = {GROUND_TRUTH: Reconstruction(list), MEAN_POSE: Reconstruction(_mean_pose), **systems}
    rows: list[Result] = []
    rows_of_further: list[Result] = []
    for name, system in every.items():
        made = Made.of(name, system.reconstruct(test.motions), len(test))
        measured = Measurements(name, protocol, evaluator.label, len(made), test.note)
        measured.add_note(made.note)
        # Copied: torch takes no read-only arrays, as those of a data set are.
        true = [np.array(test.items[place].features_TD) for place in made.places]
        features = [statistics.denormalise(motion) for motion in made.motions]
        for metric, error in ERRORS.items():
            measured.record_one(metric, error, true, features, skeleton)
        for part, root_of in part_roots(skeleton).items():
            measured.record_one(f"MPJPE {part}", part_mpjpe, true, features, skeleton, root_of)
        measure_part_distances(measured, judge.evaluator, test.motions, made.motions)
        _measure_embedded(measured, judge, test, made, settings)
        if system.usage is not None:
            measured.record(USAGE, partial(system.usage, test.motions))
        rows += measured.results()
        for each in further:
            seen = Measurements(name, protocol, each.evaluator.label, len(made), test.note)
            seen.add_note(made.note)
            _measure_embedded(seen, each, test, made, settings)
            rows_of_further += seen.results()
        if name == GROUND_TRUTH:
            rows += _halves(protocol, judge, test, settings)
            rows_of_further += [row for each in further for row in _halves(protocol, each, test, settings)]
    return [*rows, *rows_of_further]


def _measure_embedded(
    measured: Measurements, judge: Embedded, test: TestItems, made: Made, settings: Evaluate
) -> None:
    """Record what an evaluator sees: distances from the true motions, and how captions find the made ones."""
    made_NE, prefix = made.embed(judge.evaluator), judge.evaluator.prefix
    if measured.system == GROUND_TRUTH:
        measured.record_one(f"{prefix}FID", frechet_distance, judge.motions, made_NE)
    elif has_distances(judge):
        draws = random_draws(settings, 0, "subsets")
        measure_distances(measured, judge.motions, made_NE, draws, prefix)
    for repeat in range(settings.repeats):
        texts_N = test.draw_captions(settings, repeat)[made.places]
        measure_matching(measured, judge, texts_N, made_NE, settings, repeat)


def _halves(protocol: str, judge: Embedded, test: TestItems, settings: Evaluate) -> list[Result]:
    """The row of the noise floor."""
    halves = other_half(protocol, judge, test)
    for repeat in range(settings.repeats):
        measure_halves(halves, judge, settings, repeat)
    return halves.results()


def _mean_pose(motions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The floor: every frame is the mean of the train split, zero when normalised."""
    return [np.zeros_like(motion) for motion in motions]
