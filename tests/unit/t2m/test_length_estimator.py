"""Length estimator: its modes, and that it learns."""

import torch

from lamp_core.config.models import Length, TextToMotion
from lamp_core.t2m.length_estimator import LengthEstimator, train_length


def test_length_modes_agree_with_their_definitions(settings: TextToMotion) -> None:
    model = LengthEstimator(4, Length(bins=3, hidden_dim=8, training=settings.training)).eval()
    share = torch.tensor([0.5, 0.1, 0.4])
    model.forward = lambda condition_BW: share.log().expand(len(condition_BW), -1)  # type: ignore[method-assign]
    condition = torch.zeros(4000, 4)

    def tokens(mode: str) -> torch.Tensor:
        model.settings = model.settings.model_copy(update={"mode": mode})
        return model.tokens(condition, torch.Generator().manual_seed(0))

    assert set(tokens("argmax").tolist()) == {1}
    assert set(tokens("expectation").tolist()) == {2}  # 0.5 + 0.2 + 1.2 = 1.9
    counts = torch.bincount(tokens("sample"), minlength=4)[1:] / 4000
    torch.testing.assert_close(counts, share, atol=0.03, rtol=0)
    assert model.bin_of(torch.tensor([1, 3, 99])).tolist() == [0, 2, 2]


def test_the_length_estimator_learns_lengths(settings: TextToMotion) -> None:
    conditions, tokens = torch.eye(6) * 3, [2, 5, 9, 14, 20, 33]
    length = Length(hidden_dim=32, mode="argmax", training=settings.training)
    model = train_length(conditions, torch.arange(6), tokens, length, device=torch.device("cpu"))
    assert model.eval().tokens(conditions).tolist() == tokens


def test_gradients_reach_every_parameter_of_the_estimator(settings: TextToMotion) -> None:
    model = LengthEstimator(4, Length(bins=3, hidden_dim=8, training=settings.training)).eval()
    model(torch.randn(9, 4))[:, 0].sum().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []
