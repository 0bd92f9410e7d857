"""The networks and the loss of Guo et al. 2022, Generating Diverse and Natural 3D Human Motions from Text.

Shapes: B batch, T frames, D feature numbers a frame, M movements (T/4), W width of a movement, L words, E
embedding numbers, I numbers a step, H hidden width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from lamp_core.config.models import Evaluator
from lamp_core.datasets.items import DOWNSAMPLING, mask_of
from lamp_core.evaluators.guo_words import TAG_COUNT
from lamp_core.features.layout import FeatureLayout

DROPOUT = 0.2
SLOPE = 0.2
PUBLISHED_FRAMES = 196
"""Frames that the published evaluator pads every clip to."""


def read_numbers(feature_count: int) -> int:
    """Return how many of a frame's numbers the evaluator reads: all but the foot contacts at their end."""
    return int(FeatureLayout.of_width(feature_count)["contacts"].start)


class MovementEncoder(nn.Module):
    """Two strided convolutions: four frames become one movement.

    Frames behind a clip's end are zero before either convolution, as its padding is, so that a longer clip in
    the same batch changes nothing. The published evaluator pads all clips to one length instead, and the
    biases of the first convolution reach the last movement of a shorter one (``reads_padding``).
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(features, width, kernel_size=4, stride=2, padding=1)
        self.conv_2 = nn.Conv1d(width, width, kernel_size=4, stride=2, padding=1)
        self.activation = nn.Sequential(nn.Dropout(DROPOUT), nn.LeakyReLU(SLOPE))
        self.output = nn.Linear(width, width)

    def forward(self, features_BTD: Tensor, frames_B: Tensor, reads_padding: bool = False) -> Tensor:
        """Return movements (B, M, W); those behind ``frames_B // 4`` mean nothing."""
        inside_B1T = mask_of(frames_B, features_BTD.shape[1])[:, None]
        hidden_BWT = self.conv_1(features_BTD.transpose(1, 2).masked_fill(~inside_B1T, 0.0))
        hidden_BWT = self.activation(hidden_BWT)
        if not reads_padding:
            inside_B1T = mask_of(frames_B // 2, hidden_BWT.shape[2])[:, None]
            hidden_BWT = hidden_BWT.masked_fill(~inside_B1T, 0.0)
        movements_BMW: Tensor = self.output(self.activation(self.conv_2(hidden_BWT)).transpose(1, 2))
        return movements_BMW


class SequenceEncoder(nn.Module):
    """A bidirectional GRU over the true length, its two last states projected to the embedding."""

    def __init__(self, inputs: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.initial = nn.Parameter(torch.randn(2, 1, hidden))
        self.output = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.LayerNorm(hidden),
            nn.LeakyReLU(SLOPE),
            nn.Linear(hidden, embedding),
        )

    def forward(self, steps_BLI: Tensor, lengths_B: Tensor) -> Tensor:
        """Return embeddings (B, E)."""
        packed = pack_padded_sequence(
            self.input(steps_BLI), lengths_B.cpu(), batch_first=True, enforce_sorted=False
        )
        _, last_2BH = self.gru(packed, self.initial.expand(-1, len(steps_BLI), -1).contiguous())
        embeddings_BE: Tensor = self.output(torch.cat([last_2BH[0], last_2BH[1]], dim=-1))
        return embeddings_BE


class TextEncoder(nn.Module):
    """Word vectors plus projected parts of speech, read by a `SequenceEncoder`.

    The unknown word's vector starts at zero: no caption of the train split need contain it.
    """

    def __init__(self, words: int, settings: Evaluator) -> None:
        super().__init__()
        self.words = nn.Embedding(words, settings.word_dim)
        self.tags = nn.Linear(TAG_COUNT, settings.word_dim)
        self.sequence = SequenceEncoder(settings.word_dim, settings.text_hidden_dim, settings.embedding_dim)

    def forward(self, words_BL: Tensor, tags_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """Return embeddings (B, E)."""
        one_hots_BLG = nn.functional.one_hot(tags_BL, TAG_COUNT).to(self.words.weight.dtype)
        embeddings_BE: Tensor = self.sequence(self.words(words_BL) + self.tags(one_hots_BLG), lengths_B)
        return embeddings_BE


class GuoNetwork(nn.Module):
    """Movement, motion and text encoder.

    Args:
        feature_count: numbers a frame, contacts included (263 or 251).
        words: size of the vocabulary.
        settings: widths; the defaults are the paper's.
        published: whether it computes as the published evaluator does, whose weights were trained on clips
            padded to 196 frames.
    """

    def __init__(self, feature_count: int, words: int, settings: Evaluator, published: bool = False) -> None:
        super().__init__()
        self.published = published
        self.movement = MovementEncoder(read_numbers(feature_count), settings.movement_dim)
        self.motion = SequenceEncoder(settings.movement_dim, settings.hidden_dim, settings.embedding_dim)
        self.text = TextEncoder(words, settings)
        self.apply(_initialise)
        nn.init.zeros_(self.text.words.weight[0])

    def embed_motions(self, features_BTD: Tensor, frames_B: Tensor) -> Tensor:
        """Return embeddings (B, E) of normalised features; ``frames_B`` are at least 4.

        The published evaluator reads 196 frames at most.
        """
        frames_B = frames_B // DOWNSAMPLING * DOWNSAMPLING
        features_BTD = features_BTD[..., : read_numbers(features_BTD.shape[-1])]
        if self.published:
            missing = PUBLISHED_FRAMES - features_BTD.shape[1]
            features_BTD = nn.functional.pad(features_BTD, (0, 0, 0, missing))
        movements_BMW = self.movement(features_BTD, frames_B, self.published)
        embeddings_BE: Tensor = self.motion(movements_BMW, frames_B // DOWNSAMPLING)
        return embeddings_BE

    def embed_texts(self, words_BL: Tensor, tags_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """Return embeddings (B, E) of word and tag indexes."""
        embeddings_BE: Tensor = self.text(words_BL, tags_BL, lengths_B)
        return embeddings_BE


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def margin_loss(
    texts_BE: Tensor, motions_BE: Tensor, negatives_BB: Tensor, margin: float
) -> Mapping[str, Tensor]:
    """Margin loss on Euclidean distances d: d^2 of the pairs, max(0, margin - d)^2 of the negatives.

    Every mismatched pair of the batch that ``negatives_BB`` allows is a negative; the published code takes
    one shift of the batch, which can be no shift at all.

    Returns:
        ``loss``, and its terms ``positive`` and ``negative``, each a mean over its pairs.
    """
    distances_BB = torch.cdist(texts_BE, motions_BE, compute_mode="donot_use_mm_for_euclid_dist")
    positive = (texts_BE - motions_BE).square().sum(dim=-1).mean()
    pushes_BB = (margin - distances_BB).clamp(min=0).square() * negatives_BB
    negative = pushes_BB.sum() / negatives_BB.sum().clamp(min=1)
    return {"loss": positive + negative, "positive": positive, "negative": negative}
