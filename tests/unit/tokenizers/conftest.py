"""A small tokenizer of each kind; with codebooks, and without."""

import numpy as np
import pytest
import torch

from lamp_core.config.models import Optimisation
from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer
from lamp_core.tokenizers.kinds import KINDS, new_tokenizer
from lamp_core.tokenizers.vqvae import CodebookTokenizer

SMALL = TokenizerSettings(
    hidden_dim=24,
    code_dim=16,
    codebook_size=32,
    quantiser_layers=3,
    residual_depth=2,
    window_frames=32,
    training=Optimisation(steps=4, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)
WHOLE_BODY = 623
"""Features with hands, which every kind takes."""
SMALL_GRID = GridTokenizer(
    **SMALL.model_dump(exclude={"kind", "filled_by", "codebook_size", "commitment_weight"}),
    codebook_size=256,
    part_dim=8,
    inverse_temperature=10.0,
)


@pytest.fixture(params=["vqvae", "rvq"])
def settings(request: pytest.FixtureRequest) -> TokenizerSettings:
    """Settings of both kinds, one after the other."""
    return SMALL.model_copy(update={"kind": request.param})


@pytest.fixture
def tokenizer(settings: TokenizerSettings) -> CodebookTokenizer:
    """A tokenizer of each kind, its codebooks initialised by a batch."""
    return started(settings)


@pytest.fixture
def residual() -> CodebookTokenizer:
    """A residual tokenizer, its codebooks initialised by a batch."""
    return started(SMALL.model_copy(update={"kind": "rvq"}))


@pytest.fixture(params=KINDS)
def of_any_kind(request: pytest.FixtureRequest) -> ConvolutionalTokenizer:
    """A tokenizer of each kind of the catalogue, in evaluation mode, as a batch leaves it."""
    tokenizer = new_tokenizer(WHOLE_BODY, SMALL_GRID.model_copy(update={"kind": request.param}))
    assert isinstance(tokenizer, ConvolutionalTokenizer)
    tokenizer.train().reconstruct(torch.randn(12, 32, WHOLE_BODY))
    return tokenizer.eval()


@pytest.fixture
def waves() -> list[np.ndarray]:
    """Eight clips of 64 frames that differ in speed."""
    time = np.linspace(0, 6, 64)[:, None]
    return [np.sin(time * (1 + i / 4) + np.arange(263) / 40).astype(np.float32) for i in range(8)]


def started(settings: TokenizerSettings) -> CodebookTokenizer:
    """A tokenizer after one batch that used every layer."""
    tokenizer = new_tokenizer(263, settings.model_copy(update={"quantiser_dropout": 0.0}))
    assert isinstance(tokenizer, CodebookTokenizer)
    tokenizer.train().reconstruct(torch.randn(12, 32, 263))
    tokenizer.settings = settings
    return tokenizer.eval()
