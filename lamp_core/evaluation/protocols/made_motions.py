"""How motions that were made from given frames look to an evaluator: FID and Diversity, and how they fit
their texts.

The ground truth stands beside them, and the distance of its own halves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.evaluation.baselines import GROUND_TRUTH
from lamp_core.evaluation.protocols.common import Embedded, Made, MotionTextEvaluator, TestItems, random_draws
from lamp_core.evaluation.protocols.distances import measure_halves, other_half
from lamp_core.evaluation.protocols.text_to_motion import measure_matching
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.metrics.diversity import diversity
from lamp_core.metrics.fid import frechet_distance


@dataclass
class MadeMotions:
    """The measurements of one protocol; none where nothing embeds.

    Args:
        judge: the test items as the evaluator sees them; None measures nothing.
        test: the items.
        protocol: of all numbers.
        settings: batches, pairs, seed.
        matches_texts: whether the motions are of texts, so that R-Precision and MM-Dist say something.
    """

    judge: Embedded | None
    test: TestItems
    protocol: str
    settings: Evaluate
    matches_texts: bool = False
    measured: dict[str, Measurements] = field(default_factory=dict)

    @classmethod
    def by(
        cls,
        evaluator: MotionTextEvaluator | None,
        test: TestItems,
        protocol: str,
        settings: Evaluate,
        *,
        matches_texts: bool = False,
    ) -> "MadeMotions":
        """By an evaluator, or by none."""
        judge = None if evaluator is None else Embedded.of(test, evaluator)
        return cls(judge, test, protocol, settings, matches_texts)

    def measure_truth(self, texts_N: np.ndarray, repeat: int) -> None:
        """The true motions with the captions of a repeat, and how far their halves are apart."""
        if self.judge is None:
            return
        truth = self._of(GROUND_TRUTH)
        self._record(truth, self.judge.motions, texts_N, repeat)
        halves = self.measured.setdefault("", other_half(self.protocol, self.judge, self.test))
        measure_halves(halves, self.judge, self.settings, repeat)

    def measure(self, system: str, made: Made, texts_N: np.ndarray, repeat: int) -> None:
        """What a system made in a repeat of the captions at these places."""
        if self.judge is None:
            return
        measured = self._of(system)
        measured.items = min(measured.items, len(made))
        measured.add_note(made.note and f"repeat {repeat + 1}: {made.note}")
        motions_NE = made.embed(self.judge.evaluator)
        self._record(measured, motions_NE, texts_N[made.places], repeat)
        measured.record_one("FID", frechet_distance, self.judge.motions, motions_NE)

    def results(self) -> list[Result]:
        """All rows; of the halves FID alone, which is what stands beside it."""
        rows = [row for measured in self.measured.values() for row in measured.results()]
        return [row for row in rows if not row.metric.startswith(("KID", "FID-infinity"))]

    def _of(self, system: str) -> Measurements:
        assert self.judge is not None
        label = self.judge.evaluator.label
        made = Measurements(system, self.protocol, label, len(self.test), self.test.note)
        return self.measured.setdefault(system, made)

    def _record(
        self, measured: Measurements, motions_NE: np.ndarray, texts_N: Sequence[int] | np.ndarray, repeat: int
    ) -> None:
        assert self.judge is not None
        if self.matches_texts:
            measure_matching(measured, self.judge, np.asarray(texts_N), motions_NE, self.settings, repeat)
        pairs = random_draws(self.settings, repeat, "pairs")
        arguments = (motions_NE, pairs, self.settings.diversity_pairs, self.settings.counting)
        measured.record_one("Diversity", diversity, *arguments)
