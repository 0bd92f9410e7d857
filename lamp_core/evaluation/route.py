"""The way that motions take to an evaluator: by their features as they are, or made anew from their joints.

The features of a generated motion contradict themselves, so that both ways see different motions. Features
made anew from joints tell one motion. Systems of one table take the same way, the true motions too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.evaluation.protocols.common import Embedded, MotionTextEvaluator, TestItems
from lamp_core.evaluation.protocols.joints import features_of, joints_of
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores

Route = Literal["features", "joints"]
Embed = Callable[[TestItems, MotionTextEvaluator], Embedded]


@dataclass(frozen=True)
class ByJoints:
    """An evaluator that sees motions through their joints.

    Args:
        evaluator: that embeds.
        space: the data set whose skeleton, reference pose and statistics make the features.
    """

    evaluator: MotionTextEvaluator
    space: FeatureSet

    @property
    def label(self) -> str:
        """The evaluator's."""
        return self.evaluator.label

    @property
    def prefix(self) -> str:
        """The evaluator's."""
        return self.evaluator.prefix

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Normalised features, each (T, D), to (N, ...), by the features that their joints have."""
        return self.evaluator.embed_motions(made_anew(motions, self.space))

    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """The evaluator's."""
        return self.evaluator.embed_texts(captions)

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        """The evaluator's."""
        return self.evaluator.matching_scores(texts, motions, generator, batch_size, counting)


def embed_by(route: Route, space: FeatureSet, embed: Embed) -> Embed:
    """Return what embeds the test items on a route, and with it what a system makes of them.

    Args:
        route: features as they are, or made anew.
        space: whose features they are.
        embed: embeds test items, with a cache perhaps.
    """
    if route == "features":
        return embed

    def embed_anew(test: TestItems, evaluator: MotionTextEvaluator) -> Embedded:
        found = embed(replace(test, motions=made_anew(test.motions, space)), evaluator)
        return replace(found, evaluator=ByJoints(evaluator, space))

    return embed_anew


def made_anew(motions: Sequence[np.ndarray], space: FeatureSet) -> list[np.ndarray]:
    """Normalised features (T, D) to those of their joints, (T - 1, D), four frames at least."""
    joints = joints_of([space.statistics.denormalise(motion) for motion in motions], space.skeleton)
    as_told = (space.skeleton, space.statistics, space.reference_J3)
    return [features_of(each, *as_told, max(len(each) - 1, DOWNSAMPLING)) for each in joints]
