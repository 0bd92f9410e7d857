"""The evaluator ``guo``: a dual encoder that puts texts and motions into one Euclidean space.

Trained on the data set at hand it is labelled ``guo-own``: numbers of two trainings do not compare. The
published weights (`lamp_core.evaluators.guo_published`) are labelled ``guo``.

Shapes: N items, B batch, T frames, D feature numbers a frame, E embedding numbers, L words.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Evaluator
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, length_batches, pad
from lamp_core.errors import LampError
from lamp_core.evaluators.guo_network import PUBLISHED_FRAMES, GuoNetwork, margin_loss
from lamp_core.evaluators.guo_words import Vocabulary
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores, matching_scores
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model
from lamp_core.training.precision import full_precision
from lamp_core.training.seeds import seed_everything

MAX_FRAMES = PUBLISHED_FRAMES
"""Frames of a training item, the longest that the protocols know."""
MOTION_BUDGET = 20_000
WORD_BUDGET = 20_000


OWN = "guo-own"


class GuoEvaluator:
    """Embeds normalised motions and captions.

    Args:
        network: the encoders.
        vocabulary: words that have a vector.
        settings: sizes that the network was built with.
        feature_count: numbers a frame, contacts included.
        device: where the network runs.
        label: ``guo-own``, or that of published weights.
        own_statistics: what the network's motions are normalised by, when it is not what normalises the data
            set's; `reading` is then needed before a motion is embedded.
    """

    prefix = ""

    def __init__(
        self,
        network: GuoNetwork,
        vocabulary: Vocabulary,
        settings: Evaluator,
        feature_count: int,
        device: torch.device | str = "cpu",
        *,
        label: str = OWN,
        own_statistics: FeatureStatistics | None = None,
    ) -> None:
        self.network = network.to(device).eval()
        self.vocabulary = vocabulary
        self.settings = settings
        self.feature_count = feature_count
        self.device = torch.device(device)
        self.label = label
        self.own_statistics = own_statistics
        self._given_statistics: FeatureStatistics | None = None

    def reading(self, statistics: FeatureStatistics) -> "GuoEvaluator":
        """Return the evaluator, told what normalises the motions that it gets."""
        self._given_statistics = statistics
        return self

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
            LampError: no motions, one of a length that the evaluator does not read, or one of another width.
        """
        self._check_motions(motions)
        motions = self._renormalised(motions)
        embeddings_NE = np.empty((len(motions), self.settings.embedding_dim), dtype=np.float32)
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
        embeddings_NE = np.empty((len(unique), self.settings.embedding_dim), dtype=np.float32)
        for batch in length_batches([len(caption.words) + 2 for caption in unique], WORD_BUDGET):
            words = self._text_batch([unique[index] for index in batch])
            embeddings_NE[batch] = self.network.embed_texts(*words).cpu().numpy()
        return embeddings_NE[[place[caption] for caption in captions]]

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        """R-Precision and MM-Dist by Euclidean distance, see `lamp_core.metrics.r_precision`."""
        return matching_scores(texts, motions, generator, batch_size, counting=counting)

    def losses(
        self, motions: Sequence[np.ndarray], captions: Sequence[Caption], equal_BB: Tensor
    ) -> dict[str, Tensor]:
        """Loss of a batch of pairs of which equals (`PairTable.equal`) are no negatives of each other.

        Always float32: what measures is not rounded. Where several processes train, each has the whole batch,
        embeds its share, and compares the embeddings of all.
        """
        with full_precision(self.device):
            motions_BE = gather_rows(self.network.embed_motions(*self._motion_batch(share(motions))))
            texts_BE = gather_rows(self.network.embed_texts(*self._text_batch(share(captions))))
            negatives_BB = ~equal_BB.to(self.device)
            return dict(margin_loss(texts_BE, motions_BE, negatives_BB, self.settings.margin))

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors``, ``config.json`` (sizes and vocabulary) and statistics of its own."""
        config = {
            "feature_count": self.feature_count,
            "settings": self.settings.model_dump(),
            "words": list(self.vocabulary.words),
            "label": self.label,
            "published": self.network.published,
            "own_statistics": self.own_statistics is not None,
        }
        save_model(folder, self.network, config)
        if self.own_statistics is not None:
            self.own_statistics.save(folder)

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "GuoEvaluator":
        """Read what `save` wrote.

        Raises:
            LampError: there is no trained evaluator in ``folder``, or its weights do not fit.
        """
        config = read_model_config(folder)
        settings = read_settings(folder, Evaluator, config["settings"])
        words, features = Vocabulary(config["words"]), config["feature_count"]
        network = GuoNetwork(features, len(words), settings, config.get("published", False))
        load_weights(folder, network)
        own = FeatureStatistics.load(folder) if config.get("own_statistics") else None
        return cls(
            network, words, settings, features, device, label=config.get("label", OWN), own_statistics=own
        )

    def _check_motions(self, motions: Sequence[np.ndarray]) -> None:
        if not len(motions):
            raise LampError("the evaluator was given no motions to embed")
        for index, motion in enumerate(motions):
            if motion.ndim != 2 or motion.shape[1] != self.feature_count or len(motion) < DOWNSAMPLING:
                raise LampError(
                    f"motion {index} of {len(motions)} has shape {motion.shape}; the evaluator reads "
                    f"{DOWNSAMPLING} frames and more of {self.feature_count} numbers"
                )
            if self.network.published and len(motion) >= PUBLISHED_FRAMES + DOWNSAMPLING:
                raise LampError(
                    f"motion {index} of {len(motions)} has {len(motion)} frames; the published evaluator "
                    f"reads {PUBLISHED_FRAMES} at most"
                )

    def _renormalised(self, motions: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Motions as the network knows them."""
        own, given = self.own_statistics, self._given_statistics
        if own is None:
            return motions
        if given is None:
            raise LampError("the evaluator has statistics of its own; say what normalised its motions")
        # In double: the deviations of both differ by up to 25, and what is near the mean keeps its digits.
        scale_D = given.std_D.astype(np.float64) / own.std_D
        shift_D = (given.mean_D.astype(np.float64) - own.mean_D) / own.std_D
        return [(motion * scale_D + shift_D).astype(np.float32) for motion in motions]

    def _motion_batch(self, motions: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        features_BTD, frames_B = pad([np.asarray(motion, dtype=np.float32) for motion in motions])
        return features_BTD.to(self.device), frames_B.to(self.device)

    def _text_batch(self, captions: Sequence[Caption]) -> tuple[Tensor, Tensor, Tensor]:
        encoded = [self.vocabulary.encode(caption, self.settings.max_words) for caption in captions]
        words_BL, lengths_B = pad([np.array(words) for words, _ in encoded])
        tags_BL, _ = pad([np.array(tags) for _, tags in encoded])
        return words_BL.to(self.device), tags_BL.to(self.device), lengths_B.to(self.device)
