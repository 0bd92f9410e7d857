"""How well texts and motions find each other in an evaluator's space: R-Precision and MM-Dist.

Shapes: N items.
"""

import math
from collections.abc import Sequence

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluation.protocols.common import Embedded, MotionTextEvaluator, TestItems, random_draws
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.r_precision import TOP, MatchingScores


def matching_of(
    judge: Embedded, texts_N: np.ndarray, motions: np.ndarray, settings: Evaluate, repeat: int
) -> MatchingScores:
    """Scores of one repeat, in its own batches: captions by their places, motions embedded."""
    draws = random_draws(settings, repeat, "batches")
    texts_NE = judge.texts_CE[texts_N]
    return judge.evaluator.matching_scores(texts_NE, motions, draws, settings.batch_size, settings.counting)


def true_pairs(
    items: Sequence[Item],
    evaluator: MotionTextEvaluator,
    statistics: FeatureStatistics,
    settings: Evaluate,
) -> tuple[dict[int, float], float]:
    """R-Precision by its top k, and MM-Dist, of the true motions and their captions: means of the repeats.

    Not a number where there are fewer items than a batch.

    Raises:
        LampError: no item can be measured.
    """
    test = TestItems.of(items, statistics)
    judge = Embedded.of(test, evaluator)
    try:
        scores = [
            matching_of(judge, test.draw_captions(settings, repeat), judge.motions, settings, repeat)
            for repeat in range(settings.repeats)
        ]
    except LampError:  # fewer than a batch
        return dict.fromkeys(TOP, math.nan), math.nan
    precision = {k: float(np.mean([each.r_precision[k] for each in scores])) for k in TOP}
    return precision, float(np.mean([each.mm_distance for each in scores]))
