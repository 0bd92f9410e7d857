"""The evaluator ``guo``: a dual encoder that puts texts and motions into one Euclidean space.

Trained on the data set at hand it is labelled ``guo-own``: numbers of two trainings do not compare.

Shapes: N items, B batch, T frames, D feature numbers a frame, E embedding numbers, L words.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Evaluator
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, Item, length_batches, pad
from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.guo_network import GuoNetwork, contrastive_loss
from lamp_core.metrics.vocabulary import Vocabulary
from lamp_core.training import BatchSampler, fit, load_weights, read_model_config, save_model
from lamp_core.training.loop import OnLog, OnProgress
from lamp_core.training.sampling import seed_everything

MAX_FRAMES = 196
"""Frames of a training item, the longest that the protocols know."""
MOTION_BUDGET = 20_000
WORD_BUDGET = 20_000


class GuoEvaluator:
    """Embeds normalised motions and captions.

    Args:
        network: the encoders.
        vocabulary: words that have a vector.
        settings: sizes that the network was built with.
        feature_count: numbers a frame, contacts included.
        device: where the network runs.
    """

    label = "guo-own"

    def __init__(
        self,
        network: GuoNetwork,
        vocabulary: Vocabulary,
        settings: Evaluator,
        feature_count: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.network = network.to(device).eval()
        self.vocabulary = vocabulary
        self.settings = settings
        self.feature_count = feature_count
        self.device = torch.device(device)

    @classmethod
    def create(
        cls,
        vocabulary: Vocabulary,
        feature_count: int,
        settings: Evaluator,
        device: torch.device | str = "cpu",
    ) -> "GuoEvaluator":
        """Make an untrained evaluator; its weights depend on ``settings.training.seed`` alone."""
        seed_everything(settings.training.seed)
        network = GuoNetwork(feature_count, len(vocabulary), settings)
        return cls(network, vocabulary, settings, feature_count, device)

    @torch.inference_mode()
    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed normalised features, each (T, D), cut to a multiple of four frames.

        Returns:
            float32 (N, E); a motion that is not finite gets such an embedding and touches no other.

        Raises:
            LampError: no motions, one shorter than four frames, or one of another width.
        """
        self._check_motions(motions)
        embeddings_NE = np.empty((len(motions), self.settings.embedding_width), dtype=np.float32)
        for batch in length_batches([len(motion) for motion in motions], MOTION_BUDGET):
            features_BTD, frames_B = self._motion_batch([motions[index] for index in batch])
            embeddings_NE[batch] = self.network.embed_motions(features_BTD, frames_B).cpu().numpy()
        return embeddings_NE

    @torch.inference_mode()
    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """Embed captions, equal ones once.

        Returns:
            float32 (N, E).

        Raises:
            LampError: no captions.
        """
        if not captions:
            raise LampError("the evaluator was given no captions to embed")
        place = {caption: index for index, caption in enumerate(dict.fromkeys(captions))}
        unique = list(place)
        embeddings_NE = np.empty((len(unique), self.settings.embedding_width), dtype=np.float32)
        for batch in length_batches([len(caption.words) + 2 for caption in unique], WORD_BUDGET):
            words = self._text_batch([unique[index] for index in batch])
            embeddings_NE[batch] = self.network.embed_texts(*words).cpu().numpy()
        return embeddings_NE[[place[caption] for caption in captions]]

    def losses(self, motions: Sequence[np.ndarray], captions: Sequence[Caption]) -> dict[str, Tensor]:
        """Loss of a batch of pairs; items with the same caption text are no negatives of each other."""
        motions_BE = self.network.embed_motions(*self._motion_batch(motions))
        texts_BE = self.network.embed_texts(*self._text_batch(captions))
        labels_B = np.unique([caption.text for caption in captions], return_inverse=True)[1]
        negatives_BB = torch.from_numpy(labels_B[:, None] != labels_B[None, :]).to(self.device)
        return dict(contrastive_loss(texts_BE, motions_BE, negatives_BB, self.settings.margin))

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``config.json`` (sizes and vocabulary)."""
        config = {
            "feature_count": self.feature_count,
            "settings": self.settings.model_dump(),
            "words": list(self.vocabulary.words),
        }
        save_model(folder, self.network, config)

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "GuoEvaluator":
        """Read what `save` wrote.

        Raises:
            LampError: there is no trained evaluator in ``folder``, or its weights do not fit.
        """
        config = read_model_config(folder)
        settings = Evaluator.model_validate(config["settings"])
        evaluator = cls.create(Vocabulary(config["words"]), config["feature_count"], settings, device)
        load_weights(folder, evaluator.network)
        return evaluator

    def _check_motions(self, motions: Sequence[np.ndarray]) -> None:
        if not len(motions):
            raise LampError("the evaluator was given no motions to embed")
        for index, motion in enumerate(motions):
            if motion.ndim != 2 or motion.shape[1] != self.feature_count or len(motion) < DOWNSAMPLING:
                raise LampError(
                    f"motion {index} of {len(motions)} has shape {motion.shape}; the evaluator reads "
                    f"{DOWNSAMPLING} frames and more of {self.feature_count} numbers"
                )

    def _motion_batch(self, motions: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        features_BTD, frames_B = pad([np.asarray(motion, dtype=np.float32) for motion in motions])
        return features_BTD.to(self.device), frames_B.to(self.device)

    def _text_batch(self, captions: Sequence[Caption]) -> tuple[Tensor, Tensor, Tensor]:
        encoded = [self.vocabulary.encode(caption, self.settings.max_words) for caption in captions]
        words_BL, lengths_B = pad([np.array(words) for words, _ in encoded])
        tags_BL, _ = pad([np.array(tags) for _, tags in encoded])
        return words_BL.to(self.device), tags_BL.to(self.device), lengths_B.to(self.device)


def train_guo(
    items: Sequence[Item],
    statistics: FeatureStatistics,
    settings: Evaluator,
    *,
    device: torch.device | str = "cpu",
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> GuoEvaluator:
    """Train the evaluator on items of the train split.

    A step draws one caption of each item; of items longer than 196 frames it draws a span of that length (the
    published code leaves out items of 200 frames and more).

    Raises:
        LampError: no items, or the loss is not finite.
    """
    if len(items) < 2:
        raise LampError(f"the evaluator cannot train on {len(items)} items; it needs pairs that do not match")
    vocabulary = Vocabulary.of(caption for item in items for caption in item.captions)
    evaluator = GuoEvaluator.create(vocabulary, items[0].features_TD.shape[1], settings, device)
    motions = [np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in items]
    sampler = BatchSampler(len(items), settings.training.batch_size, settings.training.seed)

    def losses(step: int) -> dict[str, Tensor]:
        chosen = sampler.indices(step)
        captions = [_draw(items[index].captions) for index in chosen]
        return evaluator.losses([_draw_span(motions[index]) for index in chosen], captions)

    fit(
        evaluator.network,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
    )
    return evaluator


def _draw(captions: Sequence[Caption]) -> Caption:
    return captions[np.random.randint(len(captions))]


def _draw_span(motion_TD: np.ndarray) -> np.ndarray:
    start = np.random.randint(max(0, len(motion_TD) - MAX_FRAMES) + 1)
    return motion_TD[start : start + MAX_FRAMES]
