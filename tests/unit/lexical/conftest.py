"""A few small captions and motions, and models of each phase over them."""

import numpy as np
import pytest
import torch

from lamp_core.config import LexicalContrast, LexicalMotion, LexicalText
from lamp_core.config.base import Optimisation, TextBackbone
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import LexicalItem
from lamp_core.lexical.folder import joined
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.motion_training import new_motion_model
from lamp_core.lexical.text_encoder import LexicalTextModel
from lamp_core.lexical.text_training import new_text_model
from lamp_core.skeleton.skeleton import load_skeleton

CAPTIONS = (
    "a person walks forward slowly",
    "a person runs in a circle to the left",
    "the man jumps twice",
    "someone raises the right arm and waves",
    "a person kicks with the left leg",
    "a man bows deeply",
    "the person turns around and sits down",
    "someone dances happily",
)
CPU = torch.device("cpu")
QUICK = Optimisation(
    steps=60, batch_size=8, learning_rate=3e-3, warmup_steps=5, checkpoint_every=1000, weight_decay=0.0
)


def text_settings(**values: object) -> LexicalText:
    backbone = TextBackbone(checkpoint="from-scratch", layers=1, hidden_dim=32, heads=2, vocabulary_size=200)
    fixed = {"max_text_tokens": 24, "dropout": 0.0, "kept_share": 0.5, "training": QUICK}
    return LexicalText(backbone=backbone, **{**fixed, **values})


def motion_settings(**values: object) -> LexicalMotion:
    sizes = {
        "layers": 2,
        "hidden_dim": 32,
        "heads": 2,
        "feed_forward_dim": 64,
        "dropout": 0.0,
        "view_dim": 16,
    }
    return LexicalMotion(**{**sizes, "view_dim": 16, "training": QUICK, **values})


def contrast_settings(**values: object) -> LexicalContrast:
    return LexicalContrast(**{"dense_dim": 16, "flops_warmup_steps": 10, "training": QUICK, **values})


def motion(frames: int, seed: int) -> np.ndarray:
    """A motion with a character of its own: a few slow waves."""
    draws = np.random.default_rng(seed)
    waves_TK = np.sin(np.arange(frames)[:, None] * draws.uniform(0.05, 0.6, 6) + draws.uniform(0, 6, 6))
    return (waves_TK @ draws.normal(size=(6, 263)) / 2).astype(np.float32)


@pytest.fixture
def items() -> list[LexicalItem]:
    """Eight motions of different lengths with a caption each."""
    return [
        LexicalItem(f"clip{place}", motion(40 + 12 * place, place), (caption,))
        for place, caption in enumerate(CAPTIONS)
    ]


@pytest.fixture
def text() -> tuple[LexicalTextModel, TextTokenizer]:
    return new_text_model(text_settings(), CAPTIONS, CPU)


@pytest.fixture
def lexical(text: tuple[LexicalTextModel, TextTokenizer]) -> tuple[LexicalModel, TextTokenizer]:
    """Both encoders, as they start."""
    encoder = new_motion_model(motion_settings(), load_skeleton("smpl22"), CPU).encoder
    return joined(text[0].text, encoder, 0), text[1]
