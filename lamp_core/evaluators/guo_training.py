"""The training of the evaluator ``guo`` on a data set's own train split (``guo-own``).

Shapes: B batch, T frames, D feature numbers a frame.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Evaluator
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluators.guo import MAX_FRAMES, GuoEvaluator
from lamp_core.evaluators.guo_words import Vocabulary
from lamp_core.evaluators.unseen import unseen_losses
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.pairs.table import PairTable
from lamp_core.training.batches import BatchSampler
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart
from lamp_core.training.validation import Validation


def train_guo(
    items: Sequence[Item],
    statistics: FeatureStatistics,
    settings: Evaluator,
    *,
    device: torch.device | str = "cpu",
    validation: Sequence[Item] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> GuoEvaluator:
    """Train the evaluator on items of the train split.

    A step draws one caption of each item; of items longer than 196 frames it draws a span of that length (the
    published code leaves out items of 200 frames and more).

    Args:
        items: of the train split.
        statistics: mean and deviation of the features.
        settings: section ``evaluator``.
        device: where to train.
        validation: items that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: no items, or the loss is not finite.
    """
    if len(items) < 2:
        raise LampError(f"the evaluator cannot train on {len(items)} items; it needs pairs that do not match")
    vocabulary = Vocabulary.of(caption for item in items for caption in item.captions)
    evaluator = GuoEvaluator.create(vocabulary, items[0].features_TD.shape[1], settings, device)
    pairs = _TruePairs(items, statistics)
    unseen = _TruePairs(validation, statistics)
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        batch = pairs.draw(sampler.whole(number))
        draw_apart()
        return evaluator.losses(*batch)

    def measure() -> dict[str, float]:
        return unseen_losses(
            lambda batch: evaluator.losses(*unseen.draw(batch)), len(unseen), settings.training.batch_size
        )

    fit(
        evaluator.network,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(measure, "val_loss", "lower") if validation else None,
    )
    return evaluator


class _TruePairs:
    """Items as the evaluator trains on them: normalised, with one caption and one span drawn at a time."""

    def __init__(self, items: Sequence[Item], statistics: FeatureStatistics) -> None:
        texts = [[caption.text for caption in item.captions] for item in items]
        self.table = PairTable([item.clip for item in items], texts)
        self.captions = [caption for item in items for caption in item.captions]
        self.motions = [
            np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in items
        ]

    def __len__(self) -> int:
        return len(self.motions)

    def draw(self, indices: np.ndarray) -> tuple[list[np.ndarray], list[Caption], Tensor]:
        """Return motions and captions of a batch, and which of its pairs are equal (B, B)."""
        drawn_B = self.table.draw(indices, np.random.randint)
        motions = [_draw_span(self.motions[index]) for index in indices]
        return motions, [self.captions[caption] for caption in drawn_B], self.table.equal(indices, drawn_B)


def _draw_span(motion_TD: np.ndarray) -> np.ndarray:
    start = np.random.randint(max(0, len(motion_TD) - MAX_FRAMES) + 1)
    return motion_TD[start : start + MAX_FRAMES]
