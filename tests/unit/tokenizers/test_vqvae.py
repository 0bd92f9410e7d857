"""Tokenizers with codebooks: layers, gradients, quantiser dropout."""

import pytest
import torch

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.tokenizers.kinds import untrained_tokenizer
from lamp_core.tokenizers.protocol import by_channel
from lamp_core.tokenizers.vqvae import CodebookTokenizer


def test_any_number_of_leading_layers(residual: CodebookTokenizer) -> None:
    window = torch.randn(2, 32, 263)
    codes = residual.encode(window)
    made = [residual.decode(codes[..., :layers]) for layers in (1, 2, 3)]
    assert not torch.allclose(made[0], made[1]) and not torch.allclose(made[1], made[2])
    for shape in ((1, 4), (1, 4, 0), (1, 4, 4)):
        with pytest.raises(ValueError, match="1 to 3 channels"):
            residual.decode(torch.zeros(shape, dtype=torch.long))


def test_the_first_channel_is_that_of_the_first_codebook(tokenizer: CodebookTokenizer) -> None:
    window, lengths = torch.randn(2, 32, 263), torch.tensor([32, 24])
    codes = tokenizer.encode(window, lengths)
    assert torch.equal(codes, tokenizer.encode(window, lengths))
    nearest = tokenizer.layers[0].nearest(tokenizer.latents(window[:1]).flatten(0, 1))
    assert torch.equal(codes[0, :, 0], nearest)


def test_a_pass_is_encoding_and_decoding_by_all_layers(tokenizer: CodebookTokenizer) -> None:
    window = torch.randn(2, 32, 263)
    result = tokenizer.reconstruct(window)
    codes = tokenizer.encode(window)
    assert torch.equal(result.quantised.codes_NR, codes.flatten(0, 1))
    torch.testing.assert_close(result.features_BTD, tokenizer.decode(codes))


def test_evaluation_leaves_the_codebooks_alone(tokenizer: CodebookTokenizer) -> None:
    before = [codebook.codes_KC.clone() for codebook in tokenizer.layers]
    tokenizer.reconstruct(torch.randn(2, 32, 263))
    after = [codebook.codes_KC for codebook in tokenizer.layers]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_use_of_every_layer_is_among_the_losses(tokenizer: CodebookTokenizer) -> None:
    losses = tokenizer.train().losses(torch.randn(2, 32, 263))
    names = {"perplexity", "utilisation"}
    if len(tokenizer.layers) > 1:
        names |= {"perplexity_1", "utilisation_1", "perplexity_2", "utilisation_2"}
    assert names == {name for name in losses if name.startswith(("perplexity", "utilisation"))}
    assert all(0 < float(losses[name]) <= 32 for name in names)


def test_gradients_reach_every_parameter_and_no_codebook(tokenizer: CodebookTokenizer) -> None:
    tokenizer.losses(torch.randn(2, 32, 263))["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in tokenizer.parameters())
    assert not any("codebook" in name for name, _ in tokenizer.named_parameters())
    assert all(buffer.grad is None and not buffer.requires_grad for buffer in tokenizer.buffers())


def test_the_gradient_passes_straight_through_the_codebooks(tokenizer: CodebookTokenizer) -> None:
    window, seen = torch.randn(1, 16, 263), {}

    def keep(name: str, values: torch.Tensor) -> None:
        values.register_hook(lambda gradient: seen.update({name: gradient}))

    tokenizer.encoder.register_forward_hook(lambda _module, _inputs, output: keep("latents", output))
    tokenizer.decoder.register_forward_pre_hook(lambda _module, inputs: keep("vectors", inputs[0]))
    tokenizer.reconstruct(window).features_BTD.square().sum().backward()
    assert seen["latents"].abs().sum() > 0
    assert torch.equal(seen["latents"], seen["vectors"])


def test_quantiser_dropout_uses_the_first_n_layers_n_uniform(residual: CodebookTokenizer) -> None:
    residual.settings = residual.settings.model_copy(update={"quantiser_dropout": 0.3})
    residual.train()
    used = torch.tensor([residual.layers_used() for _ in range(4000)])
    shares = torch.bincount(used, minlength=4) / len(used)
    torch.testing.assert_close(shares, torch.tensor([0.0, 0.1, 0.1, 0.8]), atol=0.025, rtol=0)
    residual.eval()
    assert {residual.layers_used() for _ in range(50)} == {3}


def test_a_batch_with_dropped_layers_is_decoded_from_the_others(
    residual: CodebookTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = torch.randn(2, 32, 263)
    expected = residual.decode(residual.encode(window)[..., :1])
    last = residual.layers[2].codes_KC.clone()
    monkeypatch.setattr(residual, "layers_used", lambda: 1)
    torch.testing.assert_close(residual.train().reconstruct(window).features_BTD, expected)
    assert torch.equal(residual.layers[2].codes_KC, last)


def test_without_quantiser_dropout_every_batch_uses_all_layers(residual: CodebookTokenizer) -> None:
    residual.settings = residual.settings.model_copy(update={"quantiser_dropout": 0.0})
    residual.train()
    assert {residual.layers_used() for _ in range(200)} == {3}


def test_an_untrained_tokenizer_has_the_same_kind_and_sizes(tokenizer: CodebookTokenizer) -> None:
    untrained = untrained_tokenizer(tokenizer)
    assert type(untrained) is type(tokenizer) and untrained.settings == tokenizer.settings
    window = torch.randn(1, 32, 263)
    assert not torch.equal(untrained.encode(window), tokenizer.encode(window))


def test_the_default_is_the_papers_tokenizer() -> None:
    settings = TokenizerSettings()
    assert (settings.kind, settings.quantiser_layers, settings.quantiser_dropout) == ("vqvae", 6, 0.2)


def test_the_first_channel_has_the_plain_name() -> None:
    assert by_channel("x", [5, 6, 7]) == {"x": 5, "x_1": 6, "x_2": 7}
