"""Sets of clips of any length, and use of the codebooks."""

import numpy as np
import pytest
import torch

from lamp_core.tokenizers.clips import (
    channel_usage,
    code_usage,
    encode_clips,
    latents_of_clips,
    reconstruct_clips,
    sampled_usage,
)
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer, bits_a_token


@pytest.fixture
def clips() -> list[np.ndarray]:
    """Clips of 21, 8 and 64 frames."""
    return [
        np.random.default_rng(i).normal(size=(n, 263)).astype(np.float32) for i, n in enumerate((21, 8, 64))
    ]


def test_clips_of_any_length_come_back_in_order(tokenizer: MotionTokenizer, clips: list[np.ndarray]) -> None:
    codes = encode_clips(tokenizer, clips, batch_frames=70)
    assert [c.shape for c in codes] == [(n, len(tokenizer.channels)) for n in (5, 2, 16)]
    assert np.array_equal(codes[0], tokenizer.encode(torch.tensor(clips[0][None, :20]))[0].numpy())
    latents = latents_of_clips(tokenizer, clips, batch_frames=70)
    assert [tuple(one.shape) for one in latents] == [(n, tokenizer.latent_dim) for n in (5, 2, 16)]


def test_reconstruction_from_some_channels_or_from_all(
    residual: MotionTokenizer, clips: list[np.ndarray]
) -> None:
    made = {channels: reconstruct_clips(residual, clips, 70, channels) for channels in (None, 3, 1)}
    assert [len(clip) for clip in made[None]] == [20, 8, 64]
    assert all(np.array_equal(a, b) for a, b in zip(made[None], made[3], strict=True))
    assert not np.allclose(made[None][0], made[1][0])
    codes = residual.encode(torch.tensor(clips[1][None]))[..., :1]
    np.testing.assert_allclose(made[1][1], residual.decode(codes)[0].detach().numpy(), atol=1e-5)


def test_usage_of_the_codebook() -> None:
    assert code_usage([np.array([0, 1]), np.array([2, 3])], 8) == (0.5, pytest.approx(4.0))


def test_usage_of_every_channel() -> None:
    codes = [np.array([[0, 3], [1, 3]]), np.array([[2, 3], [3, 3]])]
    channels = [Channel("body", "body part", 8), Channel("hands", "body part", 4)]
    assert channel_usage(codes, channels) == {
        "code_utilisation": 0.5,
        "code_utilisation_1": 0.25,
        "code_perplexity": pytest.approx(4.0),
        "code_perplexity_1": pytest.approx(1.0),
        "code_utilisation_of_all": 5 / 12,
        "code_perplexity_of_all": pytest.approx(4.0),  # half of them one code, half of them four
    }


def test_parts_of_a_grid_share_one_set_of_codes() -> None:
    codes = [np.array([[0, 3], [1, 3]]), np.array([[2, 3], [0, 3]])]
    channels = [Channel(name, "grid part", 8) for name in ("root", "positions")]
    found = channel_usage(codes, channels)
    assert (found["code_utilisation"], found["code_utilisation_1"]) == (3 / 8, 1 / 8)
    assert found["code_utilisation_pooled"] == 4 / 8
    assert found["code_perplexity_pooled"] == pytest.approx(2 ** (0.25 * 2 + 0.125 * 3 * 2 + 0.5))


def test_what_a_sample_can_show_of_the_use_of_codes() -> None:
    draws, count, tokens = np.random.default_rng(0), 512, 300
    channels = [Channel(name, "grid part", count) for name in ("root", "positions")]
    codes = [draws.integers(0, count, (tokens // 3, 2)) for _ in range(3)]
    found = sampled_usage(codes, channels)
    assert found["code_utilisation_mean_if_uniform"] == pytest.approx(1 - (1 - 1 / count) ** tokens)
    assert found["code_utilisation_pooled_if_uniform"] == pytest.approx(1 - (1 - 1 / count) ** (2 * tokens))
    assert found["code_utilisation_mean"] == pytest.approx(
        found["code_utilisation_mean_if_uniform"], abs=0.03
    )
    pooled = channel_usage(codes, channels)["code_utilisation_pooled"]
    assert pooled == pytest.approx(found["code_utilisation_pooled_if_uniform"], abs=0.03)
    layers = [Channel("first", "residual layer", 4), Channel("second", "residual layer", 2)]
    few = sampled_usage([np.array([[0, 1], [1, 1]])], layers)
    assert few == {
        "code_utilisation_mean": 0.5,
        "code_perplexity_mean": 1.5,
        "code_utilisation_mean_if_uniform": pytest.approx((7 / 16 + 3 / 4) / 2),
    }
    assert bits_a_token(layers) == 3 and bits_a_token(channels) == 18
