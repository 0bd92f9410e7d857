"""Pretraining reads the frozen tokenizer's latents, and leaves it as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config.models import Optimisation, Pretrain, TextBackbone, Tokenizer
from lamp_core.lamp.text import train_vocabulary
from lamp_core.lamp.training import PretrainBatches, PretrainItem, train_lamp
from lamp_core.pairs.negatives import equal_pairs
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.vqvae import VQVAE

SETTINGS = Pretrain(
    backbone=TextBackbone(checkpoint="from-scratch", layers=2, hidden_dim=16, heads=2),
    queries=2,
    projection_dim=8,
    max_text_tokens=12,
    training=Optimisation(steps=3, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)


def _tokenizer(folder: Path) -> VQVAE:
    """A tokenizer as the stages see it: saved, then loaded frozen."""
    tokenizer = VQVAE(263, Tokenizer(hidden_dim=8, code_dim=8, codebook_size=8, residual_depth=1))
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


def test_a_batch_holds_the_items_that_were_asked_for() -> None:
    lengths = [3, 1, 5, 2]
    captions = [("walk left", "go", "turn"), ("go.",), ("jump high now",), ("walk left", "sit")]
    items = [
        PretrainItem(name, torch.randn(length, 6), torch.randint(1, 9, (length,)), texts)
        for name, length, texts in zip(["a", "b", "Ma", "c"], lengths, captions, strict=True)
    ]
    words = train_vocabulary([text for texts in captions for text in texts], 80, 12)
    table = PretrainBatches(items, words, torch.device("cpu"))
    drawn = set()
    for chosen in ([2, 0, 1], [3, 0], [1]) * 20:
        batch = table.batch(np.array(chosen))
        pairs = batch.pairs
        assert pairs.latents_BSC.shape[1] == max(lengths[index] for index in chosen)
        texts = [words.text(ids[mask]) for ids, mask in zip(pairs.ids_BL, pairs.words_mask_BL, strict=True)]
        for row, index in enumerate(chosen):
            inside = pairs.tokens_mask_BS[row]
            assert inside.tolist() == [place < lengths[index] for place in range(len(inside))]
            assert torch.equal(pairs.latents_BSC[row][inside], items[index].latents_SC)
            assert torch.equal(batch.codes_BS[row][inside], items[index].codes_S)
            assert not pairs.latents_BSC[row][~inside].any() and not batch.codes_BS[row][~inside].any()
            assert texts[row] in [words.text(words([text])[0][0]) for text in captions[index]]
        assert torch.equal(
            batch.equal_BB, equal_pairs([items[index].clip for index in chosen], texts) | _mirrored(chosen)
        )
        drawn.add((chosen[0], texts[0]))
    assert len(drawn) == 1 + 2 + 1


def _mirrored(chosen: list[int]) -> torch.Tensor:
    """Items 0 and 2 are mirror images."""
    motions = torch.tensor([{2: 0}.get(index, index) for index in chosen])
    return motions[:, None] == motions


class Stopped(Exception):
    """Stands for a killed process."""


def test_a_resumed_softened_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    steps = Optimisation(steps=6, batch_size=4, learning_rate=1e-3, warmup_steps=0, checkpoint_every=2)
    changes = {"query_pooling": "softened", "latent_positions": True, "training": steps}
    settings = SETTINGS.model_copy(update=changes)
    draws = torch.Generator().manual_seed(0)
    items = [
        PretrainItem(f"clip{i}", torch.randn(5, 6, generator=draws), torch.arange(1, 6), (f"walk {i}",))
        for i in range(8)
    ]

    def stop(step: int, _: int, __: str) -> None:
        if step == 3:
            raise Stopped

    cpu = torch.device("cpu")
    whole, _ = train_lamp(items, settings, 8, device=cpu)
    with pytest.raises(Stopped):
        train_lamp(items, settings, 8, device=cpu, checkpoints=tmp_path, on_progress=stop)
    resumed, _ = train_lamp(items, settings, 8, device=cpu, checkpoints=tmp_path)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
