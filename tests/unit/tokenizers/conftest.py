"""A small tokenizer of each kind."""

import numpy as np
import pytest
import torch

from lamp_core.config.models import Optimisation
from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.vqvae import ConvolutionalTokenizer

SMALL = TokenizerSettings(
    hidden_dim=24,
    code_dim=16,
    codebook_size=32,
    quantiser_layers=3,
    residual_depth=2,
    window_frames=32,
    training=Optimisation(steps=4, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)


@pytest.fixture(params=["vqvae", "rvq"])
def settings(request: pytest.FixtureRequest) -> TokenizerSettings:
    """Settings of both kinds, one after the other."""
    return SMALL.model_copy(update={"kind": request.param})


@pytest.fixture
def tokenizer(settings: TokenizerSettings) -> ConvolutionalTokenizer:
    """A tokenizer of each kind, its codebooks initialised by a batch."""
    return started(settings)


@pytest.fixture
def residual() -> ConvolutionalTokenizer:
    """A residual tokenizer, its codebooks initialised by a batch."""
    return started(SMALL.model_copy(update={"kind": "rvq"}))


@pytest.fixture
def waves() -> list[np.ndarray]:
    """Eight clips of 64 frames that differ in speed."""
    time = np.linspace(0, 6, 64)[:, None]
    return [np.sin(time * (1 + i / 4) + np.arange(263) / 40).astype(np.float32) for i in range(8)]


def started(settings: TokenizerSettings) -> ConvolutionalTokenizer:
    """A tokenizer after one batch that used every layer."""
    tokenizer = new_tokenizer(263, settings.model_copy(update={"quantiser_dropout": 0.0}))
    assert isinstance(tokenizer, ConvolutionalTokenizer)
    tokenizer.train().reconstruct(torch.randn(12, 32, 263))
    tokenizer.settings = settings
    return tokenizer.eval()
