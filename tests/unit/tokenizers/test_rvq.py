"""The residual tokenizer by its leading codebooks."""

import pytest
import torch

from lamp_core.tokenizers.protocol import MotionTokenizer, has_further_layers
from lamp_core.tokenizers.rvq import ResidualVQVAE
from lamp_core.tokenizers.vqvae import CodebookTokenizer


def test_leading_codebooks_give_the_leading_codes(residual: CodebookTokenizer) -> None:
    whole, coarse = residual.eval(), residual.leading(2)
    features_BTD = torch.randn(2, 32, residual.feature_count)
    codes_BSR = whole.encode(features_BTD)
    assert [channel.name for channel in coarse.channels] == ["layer 0", "layer 1"]
    assert torch.equal(coarse.encode(features_BTD), codes_BSR[..., :2])
    torch.testing.assert_close(coarse.decode(codes_BSR[..., :2]), whole.decode(codes_BSR[..., :2]))
    with pytest.raises(ValueError, match="channels"):
        coarse.decode(codes_BSR)


def test_it_stays_the_same_tokenizer(residual: CodebookTokenizer) -> None:
    assert residual.leading(1).identity() == residual.identity()
    assert residual.leading(2).leading(1).identity() == residual.identity()
    assert residual.leading(3) is residual
    assert residual.training == residual.leading(1).training


def test_channels_that_are_decoded_together_are_not_parted(of_any_kind: MotionTokenizer) -> None:
    assert of_any_kind.leading(len(of_any_kind.channels)) is of_any_kind
    if isinstance(of_any_kind, ResidualVQVAE):
        assert has_further_layers(of_any_kind)
    elif len(of_any_kind.channels) > 1:
        assert not has_further_layers(of_any_kind)
        with pytest.raises(ValueError, match="are no motion"):
            of_any_kind.leading(1)
