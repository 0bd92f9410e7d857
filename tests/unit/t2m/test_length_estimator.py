"""Length estimator: its modes, and that it learns."""

import torch

from lamp_core.config.models import Length, TextToMotion
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.length_estimator import LengthEstimator
from lamp_core.t2m.length_training import train_length


def test_length_modes_agree_with_their_definitions(settings: TextToMotion) -> None:
    model = LengthEstimator(4, Length(bins=3, hidden_dim=8, training=settings.training)).eval()
    share = torch.tensor([0.5, 0.1, 0.4])
    model.forward = lambda condition: share.log().expand(len(condition.valid_BP), -1)  # type: ignore[method-assign]
    condition = Condition.of([torch.zeros(1, 4)] * 4000)

    def tokens(mode: str) -> torch.Tensor:
        model.settings = model.settings.model_copy(update={"mode": mode})
        return model.tokens(condition, torch.Generator().manual_seed(0))

    assert set(tokens("argmax").tolist()) == {1}
    assert set(tokens("expectation").tolist()) == {2}  # 0.5 + 0.2 + 1.2 = 1.9
    counts = torch.bincount(tokens("sample"), minlength=4)[1:] / 4000
    torch.testing.assert_close(counts, share, atol=0.03, rtol=0)
    assert model.bin_of(torch.tensor([1, 3, 99])).tolist() == [0, 2, 2]


def test_the_length_estimator_learns_lengths(settings: TextToMotion) -> None:
    # Two words each; none of the words alone tells the length.
    words = torch.eye(6) * 3
    pairs = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    conditions, tokens = [words[list(pair)] for pair in pairs], [2, 5, 9, 14, 20, 33]
    length = Length(hidden_dim=32, reads="words", mode="argmax", training=settings.training)
    model = train_length(conditions, torch.arange(6), tokens, length, device=torch.device("cpu"))
    assert model.eval().tokens(Condition.of(conditions)).tolist() == tokens


def test_gradients_reach_every_parameter_of_the_estimator(settings: TextToMotion) -> None:
    model = LengthEstimator(4, Length(bins=3, hidden_dim=8, reads="words", training=settings.training)).eval()
    model(Condition.of([torch.randn(1 + n % 3, 4) for n in range(9)]))[:, 0].sum().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_padding_behind_the_words_changes_no_length(settings: TextToMotion) -> None:
    model = LengthEstimator(4, Length(bins=3, hidden_dim=8, reads="words", training=settings.training)).eval()
    short, long = torch.randn(2, 4), torch.randn(7, 4)
    torch.testing.assert_close(model(Condition.of([short, long]))[:1], model(Condition.of([short])))
