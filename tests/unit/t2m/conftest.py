"""A tiny masked motion transformer, and what makes a motion generator of it."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from lamp_core.config.models import Length, Optimisation, TextToMotion, Tokenizer
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.lamp.text import train_vocabulary
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.length_estimator import LengthEstimator
from lamp_core.t2m.sampler import Sampling
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.vqvae import VQVAE

CODES, WIDTH, LONGEST = 20, 16, 12
TRAINING = Optimisation(steps=250, batch_size=8, learning_rate=3e-3, warmup_steps=10, weight_decay=0.0)
SETTINGS = TextToMotion(
    layers=2,
    heads=2,
    hidden_dim=32,
    feed_forward_dim=64,
    dropout=0.0,
    condition="words",
    training=TRAINING,
)


class TextSide:
    """Stands for LaMP's text side: fixed random states for each caption, as many as it has words."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.read: list[str] = []
        self.tokenizer = train_vocabulary(["a person kicks"], 100, 12)

    def query_means(self, captions: Sequence[str]) -> list[Tensor]:
        return [states_LH[:1] for states_LH in self.word_states(captions)]

    def word_states(self, captions: Sequence[str]) -> list[Tensor]:
        self.read += captions
        return [
            torch.randn(len(text.split()), WIDTH, generator=torch.Generator().manual_seed(len(text)))
            for text in captions
        ]


@pytest.fixture
def settings() -> TextToMotion:
    return SETTINGS


@pytest.fixture(params=[False, True], ids=["plain", "told-of-the-end"])
def model(request: pytest.FixtureRequest) -> MaskedMotionTransformer:
    settings = SETTINGS.model_copy(update={"tell_remaining": request.param})
    return MaskedMotionTransformer(CODES, WIDTH, LONGEST, settings).eval()


@pytest.fixture
def space(skeleton: Skeleton) -> FeatureSpace:
    random = np.random.default_rng(0)
    width = skeleton.feature_count
    statistics = FeatureStatistics(
        random.normal(size=width).astype(np.float32), random.uniform(0.5, 2, width).astype(np.float32)
    )
    return FeatureSpace(skeleton, statistics, np.zeros((skeleton.joint_count, 3)))


@pytest.fixture
def make_generator(model: MaskedMotionTransformer) -> Callable[[Skeleton], MotionGenerator]:
    """A generator of untrained models for the features of a skeleton."""

    def make(skeleton: Skeleton) -> MotionGenerator:
        text = TextSide()
        sizes = Tokenizer(hidden_dim=8, code_dim=8, codebook_size=CODES, residual_depth=1)
        tokenizer = VQVAE(skeleton.feature_count, sizes).eval()
        tokenizer.codebook.codes_KC.normal_()
        length = LengthEstimator(WIDTH, Length(bins=LONGEST, hidden_dim=8, training=TRAINING)).eval()
        return MotionGenerator(text, text.word_states, length, model, tokenizer, Sampling.of(SETTINGS))

    return make
