"""The training of the second opinion (``minilm-own``) on a data set's own train split.

Shapes: B batch, T frames, D feature numbers a frame, C captions, W numbers of MiniLM's vector.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import MiniLMEvaluator as Settings
from lamp_core.datasets.items import Item, pad
from lamp_core.errors import LampError
from lamp_core.evaluators.minilm import MiniLMEvaluator, MiniLMNetwork
from lamp_core.evaluators.unseen import unseen_losses
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.lamp.text_encoder import TextEncoder
from lamp_core.pairs.table import PairTable
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import seed_everything
from lamp_core.training.validation import Validation


def train_minilm(
    items: Sequence[Item],
    statistics: FeatureStatistics,
    settings: Settings,
    *,
    device: torch.device | str = "cpu",
    validation: Sequence[Item] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> MiniLMEvaluator:
    """Train the evaluator on items of the train split, one caption of each drawn a step.

    MiniLM embeds every caption once, before the first step. Equal captions and mirrored motions are no
    negatives of each other.

    Args:
        items: of the train split.
        statistics: mean and deviation of the features.
        settings: section ``evaluator.minilm``.
        device: where to train.
        validation: items that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: fewer than two items, no MiniLM, or the loss is not finite.
    """
    if len(items) < 2:
        raise LampError(f"the evaluator cannot train on {len(items)} items; it needs pairs that do not match")
    seed_everything(settings.training.seed)
    feature_count = items[0].features_TD.shape[1]
    evaluator = MiniLMEvaluator(MiniLMNetwork(feature_count, settings), settings, feature_count, device)
    pairs = _Pairs(items, statistics, evaluator)
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        return {"loss": pairs.loss(sampler.whole(number))}

    def measure(unseen: _Pairs) -> dict[str, float]:
        return unseen_losses(
            lambda batch: {"loss": unseen.loss(batch)}, len(validation), settings.training.batch_size
        )

    fit(
        evaluator.network,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(partial(measure, _Pairs(validation, statistics, evaluator)), "val_loss", "lower")
        if validation
        else None,
    )
    return evaluator


class _Pairs:
    """Items as the evaluator trains on them: normalised motions, MiniLM's embeddings of their captions."""

    def __init__(
        self, items: Sequence[Item], statistics: FeatureStatistics, evaluator: MiniLMEvaluator
    ) -> None:
        learnt = evaluator.settings.captions
        texts = [[caption.text for caption in item.captions[:learnt]] for item in items]
        self.table = PairTable([item.clip for item in items], texts)
        self.motions = [torch.from_numpy(_normalised(item, statistics)) for item in items]
        self.texts_CW = _embedded_once(self.table.captions, evaluator.sentences)
        self.evaluator = evaluator

    def loss(self, indices: np.ndarray) -> Tensor:
        """Of a batch of items, a caption of each drawn; each process embeds its share of it."""
        network, device = self.evaluator.network, self.evaluator.device
        drawn_B = self.table.draw(indices)
        features_BTD, frames_B = pad([self.motions[index] for index in share(indices)])
        motions_BE = gather_rows(network.embed_motions(features_BTD.to(device), frames_B.to(device)))
        texts_BE = gather_rows(network.embed_texts(self.texts_CW[share(drawn_B)].to(device)))
        return network.loss(motions_BE, texts_BE, self.table.equal(indices, drawn_B).to(device))


def _normalised(item: Item, statistics: FeatureStatistics) -> np.ndarray:
    return np.asarray(statistics.normalise(item.features_TD), dtype=np.float32)


def _embedded_once(captions: Iterable[str], sentences: TextEncoder) -> Tensor:
    """Embeddings (C, W), equal captions once; by length, so that little of a batch is padding."""
    listed = list(captions)
    unique = sorted(set(listed), key=lambda text: (len(text), text))
    place_of = {text: place for place, text in enumerate(unique)}
    return sentences.embeddings(unique)[[place_of[text] for text in listed]]
