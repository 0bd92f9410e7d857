"""Pretraining reads the frozen tokenizer's latents, and leaves it as it is."""

from pathlib import Path

import numpy as np
import torch

from lamp_core.config.models import Optimisation, Pretrain, TextBackbone, Tokenizer
from lamp_core.lamp.training import PretrainItem, train_lamp
from lamp_core.tokenizers import VQVAE, latents_of_clips, load_tokenizer, save_tokenizer

SETTINGS = Pretrain(
    backbone=TextBackbone(checkpoint="own", layers=2, width=16, heads=2),
    queries=2,
    projection_width=8,
    max_words=12,
    training=Optimisation(steps=3, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)


def _tokenizer(folder: Path) -> VQVAE:
    """A tokenizer as the stages see it: saved, then loaded frozen."""
    tokenizer = VQVAE(263, Tokenizer(width=8, code_width=8, codes=8, residual_depth=1))
    tokenizer.codebook.codes_KC.normal_()
    save_tokenizer(folder, tokenizer)
    return load_tokenizer(folder)


def test_the_frozen_encoder_is_the_trained_one_byte_for_byte(tmp_path: Path) -> None:
    tokenizer = _tokenizer(tmp_path)
    before = {name: tensor.clone() for name, tensor in tokenizer.state_dict().items()}
    clips = [np.random.default_rng(i).normal(size=(16, 263)).astype(np.float32) for i in range(6)]
    latents = latents_of_clips(tokenizer, clips)
    items = [
        PretrainItem(f"clip{i}", latents_SC, torch.randint(8, (4,)), (f"walk {i}",))
        for i, latents_SC in enumerate(latents)
    ]
    train_lamp(items, SETTINGS, 8, device=torch.device("cpu"))
    for name, tensor in tokenizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not any(parameter.requires_grad for parameter in tokenizer.parameters())
    again = latents_of_clips(load_tokenizer(tmp_path), clips)
    for latents_SC, again_SC in zip(latents, again, strict=True):
        torch.testing.assert_close(latents_SC, again_SC, rtol=0, atol=0)
