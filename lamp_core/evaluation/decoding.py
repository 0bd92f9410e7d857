"""How well a text-to-motion model decodes while it is trained: unseen captions made into motions and judged.

Shapes: N items, E embedding numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.evaluation.protocols.common import Embedded, Made, MotionTextEvaluator, TestItems
from lamp_core.evaluation.protocols.matching import matching_of
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.minilm import MiniLMEvaluator
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.fid import frechet_distance

if TYPE_CHECKING:
    from lamp_core.evaluation.protocols.text_to_motion import Generate

DECODED = "val_decoded"
"""The one number by which weights and versions are ranked; higher is better."""
WORST = -1.0
"""Of weights whose motions are not finite."""


@dataclass(frozen=True)
class DecodedValidation:
    """Judges the motions that a generator makes of validation captions.

    The caption of each item, its length, the seed and the batches of R-Precision are the same every time, so
    that two weights differ by nothing else.

    Args:
        test: the validation items.
        judge: them, as an evaluator with one vector a motion sees them.
        protocol: of R-Precision; a batch is no larger than the items are.
    """

    test: TestItems
    judge: Embedded
    protocol: Evaluate

    @classmethod
    def of(
        cls,
        items: Sequence[Item],
        statistics: FeatureStatistics,
        evaluator: MotionTextEvaluator,
        protocol: Evaluate,
    ) -> "DecodedValidation":
        """Embed the true motions of at least two items, and their captions.

        Raises:
            LampError: no item can be used.
        """
        test = TestItems.of(items, statistics)
        batch_size = min(protocol.batch_size, len(test))
        protocol = protocol.model_copy(update={"batch_size": batch_size})
        return cls(test, Embedded.of(test, evaluator), protocol)

    def measure(self, generate: "Generate") -> dict[str, float]:
        """Return R-Precision and FID of generated motions of true lengths, and `DECODED`, made of both.

        Args:
            generate: with the weights as they are now.
        """
        texts_N = self.test.draw_captions(self.protocol, 0)
        captions = self.test.captions_at(texts_N)
        made = Made.of("the generator", generate(captions, self.test.frames, 0), len(self.test))
        if len(made) < len(self.test):
            return {DECODED: WORST}
        motions_NE = made.embed(self.judge.evaluator)
        scores = [
            matching_of(self.judge, texts_N, motions_NE, self.protocol, repeat).r_precision
            for repeat in range(self.protocol.repeats)
        ]
        precision = {k: float(np.mean([each[k] for each in scores])) for k in scores[0]}
        distance = frechet_distance(self.judge.motions, motions_NE)
        return {
            **{f"val_r_precision_{k}": value for k, value in precision.items()},
            "val_fid": distance,
            DECODED: decoded_score(list(precision.values()), distance, self.judge.motions),
        }


def decoded_score(precision: Sequence[float], distance: float, true_NE: np.ndarray) -> float:
    """The mean R-Precision of top 1, 2 and 3 (0..1), less FID as a share of the true motions' variance.

    So it hangs neither on the unit of the embeddings nor on a weight. The truth has its own R-Precision.

    Args:
        precision: R-Precision of top 1, 2 and 3.
        distance: FID.
        true_NE: embeddings of the true motions.
    """
    variance = float(true_NE.astype(np.float64).var(axis=0).sum())
    return float(np.mean(precision)) - distance / variance


def judge_of(evaluator: Path, statistics: FeatureStatistics, device: torch.device) -> MotionTextEvaluator:
    """The second opinion, or the dual encoder where there is no other.

    The dual encoder's numbers are those that systems are compared by, so it has no part in the choice of
    weights where that can be.

    Args:
        evaluator: output of the stage of that name.
        statistics: that normalise the motions.
        device: where it runs.

    Raises:
        LampError: there is no evaluator.
    """
    second = MiniLMEvaluator.beside(evaluator, device)
    return second if second is not None else GuoEvaluator.load(evaluator, device).reading(statistics)
