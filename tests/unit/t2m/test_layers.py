"""The layers: the same function as torch's own, with and without what makes them fast."""

import pytest
import torch
from torch import nn

from lamp_core.t2m.layers import Encoder

WIDTH, HEADS, INNER = 32, 4, 64


def _pair(dropout: float = 0.0) -> tuple[Encoder, nn.TransformerEncoder]:
    """Ours and torch's, with the weights of torch's."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, dropout, activation="gelu", batch_first=True, norm_first=True
    )
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    ours = Encoder(2, WIDTH, HEADS, INNER, dropout)
    ours.load_state_dict(theirs.state_dict())
    return ours.eval(), theirs.eval()


@pytest.mark.parametrize("gradients", [True, False])
def test_it_is_the_transformer_of_torch(gradients: bool) -> None:
    ours, theirs = _pair()
    hidden, valid = torch.randn(3, 9, WIDTH), torch.arange(9) < torch.tensor([9, 4, 7])[:, None]
    later = torch.ones(9, 9, dtype=torch.bool).triu(1)
    with torch.set_grad_enabled(gradients):
        masked = ours(hidden, valid[:, None, None])
        torch.testing.assert_close(masked[valid], theirs(hidden, src_key_padding_mask=~valid)[valid])
        torch.testing.assert_close(ours(hidden, None), theirs(hidden, mask=later))


def test_chosen_positions_are_those_of_the_whole() -> None:
    ours, _ = _pair()
    hidden, chosen = torch.randn(3, 9, WIDTH), torch.rand(3, 9) < 0.4
    torch.testing.assert_close(ours(hidden, None, chosen), ours(hidden, None)[chosen])


def test_the_steps_with_dropout_are_the_fused_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = _pair(dropout=0.5)
    hidden, valid = torch.randn(2, 6, WIDTH), torch.arange(6) < torch.tensor([6, 4])[:, None]
    for mask in (None, valid[:, None, None]):
        fused = ours.eval()(hidden, mask)
        ours.train()
        monkeypatch.setattr("lamp_core.training.dropout.keep_factors", lambda shape, share: torch.ones(shape))
        torch.testing.assert_close(ours(hidden, mask), fused)


def test_dropout_works_in_training_alone() -> None:
    ours, _ = _pair(dropout=0.5)
    hidden = torch.randn(2, 6, WIDTH)
    assert torch.equal(ours(hidden, None), ours(hidden, None))
    ours.train()
    assert not torch.allclose(ours(hidden, None), ours(hidden, None))


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 5 heads"):
        Encoder(1, 32, 5, 64, 0.0)
