"""One interface of all kinds: padding, shapes, losses, gradients, files."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import smooth_l1_loss

from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer

from .conftest import WHOLE_BODY

POSITIONS = slice(4, 4 + 3 * 51)


def test_a_clip_gives_the_same_alone_and_beside_longer_ones(of_any_kind: ConvolutionalTokenizer) -> None:
    short, long = torch.randn(1, 20, WHOLE_BODY), torch.randn(1, 48, WHOLE_BODY)
    padded = torch.full((1, 48, WHOLE_BODY), 7.0)
    padded[:, :20] = short
    both, lengths = torch.cat([padded, long]), torch.tensor([20, 48])
    torch.testing.assert_close(of_any_kind.latents(both, lengths)[0, :5], of_any_kind.latents(short)[0])
    codes = of_any_kind.encode(both, lengths)
    assert torch.equal(codes[0, :5], of_any_kind.encode(short)[0]) and not codes[0, 5:].any()
    made = of_any_kind.decode(codes, lengths // 4)
    torch.testing.assert_close(made[0, :20], of_any_kind.decode(codes[:1, :5])[0])
    assert not made[0, 20:].any()


def test_four_frames_a_token(of_any_kind: ConvolutionalTokenizer) -> None:
    window = torch.randn(2, 32, WHOLE_BODY)
    assert of_any_kind.downsampling == 4
    assert of_any_kind.encode(window).shape == (2, 8, len(of_any_kind.channels))
    assert of_any_kind.latents(window).shape == (2, 8, of_any_kind.latent_dim)
    assert of_any_kind.decode(torch.zeros(2, 8, of_any_kind.min_channels, dtype=torch.long)).shape == (
        2,
        32,
        WHOLE_BODY,
    )
    with pytest.raises(ValueError, match="no multiple"):
        of_any_kind.encode(torch.randn(2, 30, WHOLE_BODY))


def test_the_auxiliary_loss_is_of_differences_or_of_positions(of_any_kind: ConvolutionalTokenizer) -> None:
    window = torch.randn(2, 32, WHOLE_BODY)
    made = of_any_kind.reconstruct(window).features_BTD[..., POSITIONS]
    true = window[..., POSITIONS]
    torch.testing.assert_close(
        of_any_kind.losses(window)["auxiliary"], smooth_l1_loss(made.diff(dim=1), true.diff(dim=1))
    )
    of_any_kind.settings = of_any_kind.settings.model_copy(update={"auxiliary": "positions"})
    torch.testing.assert_close(of_any_kind.losses(window)["auxiliary"], smooth_l1_loss(made, true))


def test_a_pass_is_encoding_and_decoding(of_any_kind: ConvolutionalTokenizer) -> None:
    window = torch.randn(2, 32, WHOLE_BODY)
    result, codes = of_any_kind.reconstruct(window), of_any_kind.encode(window)
    assert torch.equal(result.quantised.codes_NR, codes.flatten(0, 1))
    torch.testing.assert_close(result.features_BTD, of_any_kind.decode(codes))
    sizes = [channel.codebook_size for channel in of_any_kind.channels]
    assert all(code.max() < size for code, size in zip(codes.unbind(-1), sizes, strict=True))


def test_the_gradient_reaches_every_parameter(of_any_kind: ConvolutionalTokenizer) -> None:
    losses = of_any_kind.train().losses(torch.randn(2, 32, WHOLE_BODY))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in of_any_kind.parameters())
    assert all(p.grad.abs().sum() > 0 for p in of_any_kind.parameters() if p.grad is not None)


def test_a_saved_tokenizer_is_the_same(of_any_kind: ConvolutionalTokenizer, tmp_path: Path) -> None:
    save_tokenizer(tmp_path, of_any_kind)
    loaded = load_tokenizer(tmp_path)
    window = torch.randn(1, 32, WHOLE_BODY)
    assert type(loaded) is type(of_any_kind) and loaded.channels == of_any_kind.channels
    assert loaded.identity() == of_any_kind.identity()
    assert torch.equal(loaded.encode(window), of_any_kind.encode(window))
