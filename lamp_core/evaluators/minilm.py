"""The evaluator ``minilm-own``: a second opinion beside the dual encoder of Guo et al.

Texts are read by frozen MiniLM, which was trained on other texts than the data set's; motions by a
convolutional encoder that is trained towards them with the contrastive loss (InfoNCE), where Guo's learns by
a margin with recurrent networks. What both rank alike does not hang on one of them. Its embeddings are unit
vectors; numbers of two trainings do not compare.

Shapes: N items, B batch, T frames, D feature numbers a frame, H channels, W width of MiniLM's embeddings, E
embedding numbers.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.config.models import MiniLMEvaluator as Settings
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, length_batches, mask_of, pad
from lamp_core.features.layout import FeatureLayout
from lamp_core.lamp.minilm import has_minilm
from lamp_core.lamp.text_encoder import TextEncoder
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores, matching_scores
from lamp_core.pairs.contrastive import contrastive_loss
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model

FOLDER = "minilm"
"""Below the stage's output, beside the dual encoder."""
TEXT_WIDTH = 384
MOTION_BUDGET = 20_000
LEAST_TEMPERATURE = 0.01


class MiniLMNetwork(nn.Module):
    """A motion encoder, and a projection of text embeddings.

    Args:
        feature_count: numbers a frame, contacts included; contacts are not read.
        settings: widths and temperature.
    """

    def __init__(self, feature_count: int, settings: Settings) -> None:
        super().__init__()
        hidden, embedding = settings.hidden_dim, settings.embedding_dim
        self.read = int(FeatureLayout.of_width(feature_count)["contacts"].start)
        self.movements = nn.Conv1d(self.read, hidden, kernel_size=DOWNSAMPLING, stride=DOWNSAMPLING)
        self.blocks = nn.ModuleList(
            nn.Conv1d(hidden, hidden, kernel_size=3, padding=dilation, dilation=dilation)
            for dilation in (1, 3)
        )
        self.motion = nn.Sequential(nn.LayerNorm(2 * hidden), nn.Linear(2 * hidden, embedding))
        self.text = nn.Sequential(
            nn.Linear(TEXT_WIDTH, hidden), nn.GELU(), nn.LayerNorm(hidden), nn.Linear(hidden, embedding)
        )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(settings.temperature)))

    def embed_motions(self, features_BTD: Tensor, frames_B: Tensor) -> Tensor:
        """Unit vectors (B, E) of normalised features; what stands behind ``frames_B`` changes nothing."""
        whole = features_BTD.shape[1] // DOWNSAMPLING * DOWNSAMPLING
        inside_B1M = mask_of(frames_B // DOWNSAMPLING, whole // DOWNSAMPLING)[:, None]
        hidden_BHM = self.movements(features_BTD[:, :whole, : self.read].transpose(1, 2))
        for block in self.blocks:
            hidden_BHM = hidden_BHM.masked_fill(~inside_B1M, 0.0)
            hidden_BHM = hidden_BHM + nn.functional.gelu(block(nn.functional.gelu(hidden_BHM)))
        mean_BH = hidden_BHM.masked_fill(~inside_B1M, 0.0).sum(dim=2) / inside_B1M.sum(dim=2)
        most_BH = hidden_BHM.masked_fill(~inside_B1M, float("-inf")).amax(dim=2)
        return nn.functional.normalize(self.motion(torch.cat([mean_BH, most_BH], dim=1)), dim=1)

    def embed_texts(self, texts_BW: Tensor) -> Tensor:
        """Unit vectors (B, E) of MiniLM's embeddings."""
        return nn.functional.normalize(self.text(nn.functional.normalize(texts_BW, dim=1)), dim=1)

    def loss(self, motions_BE: Tensor, texts_BE: Tensor, equal_BB: Tensor) -> Tensor:
        """The symmetric contrastive loss; equal pairs are no negatives of each other."""
        scale = self.log_scale.exp().clamp(max=1.0 / LEAST_TEMPERATURE)
        return contrastive_loss(scale * motions_BE @ texts_BE.T, equal_BB)


class MiniLMEvaluator:
    """Embeds normalised motions and captions as unit vectors; their distance lies between 0 and 2.

    Args:
        network: motion encoder and text projection.
        settings: sizes that the network was built with.
        feature_count: numbers a frame, contacts included.
        device: where the network runs.
    """

    label = "minilm-own"
    prefix = "MiniLM-"

    def __init__(
        self,
        network: MiniLMNetwork,
        settings: Settings,
        feature_count: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.settings = settings
        self.feature_count = feature_count

    @cached_property
    def sentences(self) -> TextEncoder:
        """MiniLM; LampError where the extra is not installed."""
        return TextEncoder.load("minilm", self.device)

    @torch.no_grad()
    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed normalised features, each (T, D), cut to a multiple of four frames; float32 (N, E)."""
        embeddings_NE = np.empty((len(motions), self.settings.embedding_dim), dtype=np.float32)
        for batch in length_batches([len(motion) for motion in motions], MOTION_BUDGET):
            features_BTD, frames_B = pad([np.array(motions[index], dtype=np.float32) for index in batch])
            made = self.network.embed_motions(features_BTD.to(self.device), frames_B.to(self.device))
            embeddings_NE[batch] = made.cpu().numpy()
        return embeddings_NE

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """Embed captions; float32 (N, E)."""
        texts_NW = self.sentences.embeddings([caption.text for caption in captions]).to(self.device)
        embeddings_NE: np.ndarray = self.network.embed_texts(texts_NW).cpu().numpy()
        return embeddings_NE

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        """R-Precision and MM-Dist by the distance of unit vectors, see `lamp_core.metrics.r_precision`."""
        return matching_scores(texts, motions, generator, batch_size, counting=counting)

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``config.json``; MiniLM itself is no part of them."""
        config = {"feature_count": self.feature_count, "settings": self.settings.model_dump()}
        save_model(folder, self.network, config)

    @classmethod
    def beside(cls, evaluator: Path, device: torch.device | str = "cpu") -> "MiniLMEvaluator | None":
        """Read what stands beside the dual encoder in the stage's output; None where it was not trained.

        None too where MiniLM is not installed.
        """
        folder = evaluator / FOLDER
        return cls.load(folder, device) if folder.is_dir() and has_minilm() else None

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "MiniLMEvaluator":
        """Read what `save` wrote; LampError where there is none, or its weights do not fit."""
        config = read_model_config(folder)
        settings = read_settings(folder, Settings, config["settings"])
        network = MiniLMNetwork(config["feature_count"], settings)
        load_weights(folder, network)
        return cls(network, settings, config["feature_count"], device)
