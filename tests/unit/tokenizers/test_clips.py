"""Sets of clips of any length, and use of the codebooks."""

import numpy as np
import pytest
import torch

from lamp_core.tokenizers.clips import (
    code_usage,
    encode_clip_layers,
    encode_clips,
    layer_usage,
    reconstruct_clips,
)
from lamp_core.tokenizers.vqvae import MotionTokenizer


@pytest.fixture
def clips() -> list[np.ndarray]:
    """Clips of 21, 8 and 64 frames."""
    return [
        np.random.default_rng(i).normal(size=(n, 263)).astype(np.float32) for i, n in enumerate((21, 8, 64))
    ]


def test_clips_of_any_length_come_back_in_order(tokenizer: MotionTokenizer, clips: list[np.ndarray]) -> None:
    codes = encode_clips(tokenizer, clips, batch_frames=70)
    assert [len(c) for c in codes] == [5, 2, 16]
    assert np.array_equal(codes[0], tokenizer.encode(torch.tensor(clips[0][None, :20]))[0].numpy())
    layers = encode_clip_layers(tokenizer, clips, batch_frames=70)
    assert [c.shape for c in layers] == [(n, len(tokenizer.layers)) for n in (5, 2, 16)]
    assert all(np.array_equal(c[:, 0], tokens) for c, tokens in zip(layers, codes, strict=True))


def test_reconstruction_from_some_layers_or_from_all(
    residual: MotionTokenizer, clips: list[np.ndarray]
) -> None:
    made = {layers: reconstruct_clips(residual, clips, 70, layers) for layers in (None, 3, 1)}
    assert [len(clip) for clip in made[None]] == [20, 8, 64]
    assert all(np.array_equal(a, b) for a, b in zip(made[None], made[3], strict=True))
    assert not np.allclose(made[None][0], made[1][0])
    codes = residual.encode(torch.tensor(clips[1][None]))
    np.testing.assert_allclose(made[1][1], residual.decode(codes)[0].detach().numpy(), atol=1e-5)


def test_usage_of_the_codebook() -> None:
    assert code_usage([np.array([0, 1]), np.array([2, 3])], 8) == (0.5, pytest.approx(4.0))


def test_usage_of_every_layer() -> None:
    codes = [np.array([[0, 5], [1, 5]]), np.array([[2, 5], [3, 5]])]
    assert layer_usage(codes, 8) == {
        "code_utilisation": 0.5,
        "code_utilisation_1": 0.125,
        "code_perplexity": pytest.approx(4.0),
        "code_perplexity_1": pytest.approx(1.0),
    }
