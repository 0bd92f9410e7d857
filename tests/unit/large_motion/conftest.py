"""Settings of a tiny large motion model, and tokenizers of several channels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lamp_core.config.base import Optimisation
from lamp_core.config.large_motion import LargeMotion
from lamp_core.config.models import Tokenizer
from lamp_core.large_motion.kinds import SYNTHETIC, KindedMotion
from lamp_core.large_motion.train_items import ItemsInMemory
from lamp_core.large_motion.training import Items
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.motion_language.conftest import CAPTIONS, MAX_TOKENS, MODELS

CODES, LAYERS = 6, 3
CONTEXT = 80
QUICK = Optimisation(
    steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4, validate_every=4
)
SETTINGS = LargeMotion(
    prompts="short",
    context=CONTEXT,
    max_frames=4 * MAX_TOKENS,
    max_text_tokens=24,
    decoded=2,
    training=QUICK,
)


@pytest.fixture(params=list(MODELS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def three_channels() -> MotionTokenizer:
    """A real tokenizer of three channels, untrained."""
    settings = Tokenizer(
        kind="rvq", hidden_dim=8, code_dim=8, codebook_size=CODES, residual_depth=1, quantiser_layers=LAYERS
    )
    made = new_tokenizer(263, settings).eval()
    made.start_at_random()
    return made.requires_grad_(False)


@pytest.fixture(scope="session")
def rvq() -> MotionTokenizer:
    return three_channels()


def spoken(channels: int = LAYERS) -> list[SpokenMotion]:
    """Eight motions of two to eight tokens, each with one caption."""
    draws = np.random.default_rng(0)
    return [
        SpokenMotion(draws.integers(0, CODES, (2 + index % 7, channels)), (caption,))
        for index, caption in enumerate(CAPTIONS)
    ]


def items_of(motions: Sequence[SpokenMotion], **parts: Any) -> Items:
    """All of them synthetic ones that are trained on."""
    return Items(ItemsInMemory([KindedMotion(each, SYNTHETIC) for each in motions], SETTINGS.data), **parts)
