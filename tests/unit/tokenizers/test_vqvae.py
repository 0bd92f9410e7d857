"""VQ-VAE: padding, codebook, losses, gradients, overfitting."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config.models import Optimisation
from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.errors import LampError
from lamp_core.tokenizers import (
    VQVAE,
    code_usage,
    encode_clips,
    load_tokenizer,
    reconstruct_clips,
    save_tokenizer,
    train_tokenizer,
)
from lamp_core.tokenizers.codebook import Codebook

SMALL = TokenizerSettings(
    width=24,
    code_width=16,
    codes=32,
    residual_depth=2,
    window_frames=32,
    training=Optimisation(steps=4, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)


def _tokenizer() -> VQVAE:
    tokenizer = VQVAE(263, SMALL)
    tokenizer.train()
    tokenizer(torch.randn(4, 32, 263))  # initialises the codebook
    return tokenizer.eval()


def test_a_clip_gives_the_same_alone_and_beside_longer_ones() -> None:
    tokenizer = _tokenizer()
    short, long = torch.randn(1, 20, 263), torch.randn(1, 48, 263)
    padded = torch.full((1, 48, 263), 7.0)
    padded[:, :20] = short
    both, lengths = torch.cat([padded, long]), torch.tensor([20, 48])
    torch.testing.assert_close(tokenizer.latents(both, lengths)[0, :5], tokenizer.latents(short)[0])
    codes = tokenizer.encode(both, lengths)
    assert torch.equal(codes[0, :5], tokenizer.encode(short)[0]) and not codes[0, 5:].any()
    made = tokenizer.decode(codes, lengths // 4)
    torch.testing.assert_close(made[0, :20], tokenizer.decode(codes[:1, :5])[0])
    assert not made[0, 20:].any()


def test_four_frames_a_token() -> None:
    tokenizer = _tokenizer()
    assert tokenizer.encode(torch.randn(2, 32, 263)).shape == (2, 8)
    assert tokenizer.decode(torch.zeros(2, 8, dtype=torch.long)).shape == (2, 32, 263)
    with pytest.raises(ValueError, match="no multiple"):
        tokenizer.encode(torch.randn(2, 30, 263))


def test_the_nearest_code_is_the_nearest_by_euclid() -> None:
    codebook = Codebook(8, 3, 0.99, 1.0)
    codebook.codes_KC.copy_(torch.randn(8, 3))
    latents = torch.randn(50, 3)
    assert torch.equal(codebook.nearest(latents), torch.cdist(latents, codebook.codes_KC).argmin(-1))


def test_the_codebook_follows_the_mean_of_its_latents() -> None:
    codebook = Codebook(2, 2, decay=0.0, reset_threshold=0.0).train()
    codebook.codes_KC.copy_(torch.tensor([[0.0, 0.0], [10.0, 10.0]]))
    codebook.initialised.fill_(True)
    latents = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [9.0, 9.0]]])
    codebook(latents, torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(codebook.codes_KC, torch.tensor([[2.0, 0.0], [9.0, 9.0]]))


def test_an_unused_code_is_replaced_by_a_latent() -> None:
    codebook = Codebook(2, 1, decay=0.5, reset_threshold=1.0).train()
    codebook.codes_KC.copy_(torch.tensor([[0.0], [100.0]]))
    codebook.initialised.fill_(True)
    latents = torch.tensor([[[1.0], [2.0], [3.0]]])
    codebook(latents, torch.ones(1, 3, dtype=torch.bool))
    assert float(codebook.codes_KC[1]) in (1.0, 2.0, 3.0)
    assert float(codebook.counts_K[1]) == 1.0


def test_padding_moves_no_code() -> None:
    codebook = Codebook(4, 2, 0.9, 0.0).train()
    mask = torch.tensor([[True, True, False]])
    first, second = torch.randn(1, 3, 2), None
    second = first.clone()
    second[:, 2] = 1e6
    other = Codebook(4, 2, 0.9, 0.0).train()
    torch.manual_seed(1)
    codebook(first, mask)
    torch.manual_seed(1)
    other(second, mask)
    torch.testing.assert_close(codebook.codes_KC, other.codes_KC)


def test_evaluation_leaves_the_codebook_alone() -> None:
    tokenizer = _tokenizer()
    before = tokenizer.codebook.codes_KC.clone()
    tokenizer(torch.randn(2, 32, 263))
    assert torch.equal(before, tokenizer.codebook.codes_KC)


def test_the_auxiliary_loss_is_of_differences_or_of_positions() -> None:
    window = torch.randn(2, 32, 263)
    tokenizer = _tokenizer()
    made = tokenizer(window).features_BTD[..., 4:67]
    true = window[..., 4:67]
    smooth = torch.nn.functional.smooth_l1_loss
    torch.testing.assert_close(
        tokenizer.losses(window)["auxiliary"], smooth(made.diff(dim=1), true.diff(dim=1))
    )
    tokenizer.settings = SMALL.model_copy(update={"auxiliary": "positions"})
    torch.testing.assert_close(tokenizer.losses(window)["auxiliary"], smooth(made, true))


def test_gradients_reach_every_parameter_and_pass_the_codebook() -> None:
    tokenizer = _tokenizer()
    tokenizer.losses(torch.randn(2, 32, 263))["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in tokenizer.parameters())


def test_training_overfits_eight_clips() -> None:
    time = np.linspace(0, 6, 64)[:, None]
    clips = [np.sin(time * (1 + i / 4) + np.arange(263) / 40).astype(np.float32) for i in range(8)]
    settings = SMALL.model_copy(
        update={
            "width": 48,
            "window_frames": 64,
            "training": Optimisation(steps=250, batch_size=8, learning_rate=3e-3, warmup_steps=10),
        }
    )
    tokenizer = train_tokenizer(clips, settings, device=torch.device("cpu"))
    made = np.stack(reconstruct_clips(tokenizer, clips))
    assert np.square(made - np.stack(clips)).mean() < 0.03 * np.var(np.stack(clips))


def test_clips_of_any_length_come_back_in_order() -> None:
    tokenizer = _tokenizer()
    clips = [
        np.random.default_rng(i).normal(size=(n, 263)).astype(np.float32) for i, n in enumerate((21, 8, 64))
    ]
    codes = encode_clips(tokenizer, clips, batch_frames=70)
    assert [len(c) for c in codes] == [5, 2, 16]
    assert np.array_equal(codes[0], tokenizer.encode(torch.tensor(clips[0][None, :20]))[0].numpy())


def test_usage_of_the_codebook() -> None:
    assert code_usage([np.array([0, 1]), np.array([2, 3])], 8) == (0.5, pytest.approx(4.0))


def test_save_and_load(tmp_path: Path) -> None:
    tokenizer = _tokenizer()
    save_tokenizer(tmp_path, tokenizer)
    loaded = load_tokenizer(tmp_path)
    window = torch.randn(1, 32, 263)
    assert torch.equal(loaded.encode(window), tokenizer.encode(window))
    assert not any(p.requires_grad for p in loaded.parameters())


def test_too_short_clips_are_named() -> None:
    with pytest.raises(LampError, match="the longest has 12"):
        train_tokenizer([np.zeros((12, 263), np.float32)], SMALL, device=torch.device("cpu"))
