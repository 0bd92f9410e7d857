"""The loss on the decoded heading: size, gradient, weight, and nothing where none is asked."""

from math import cos, pi

import pytest
import torch

from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer
from lamp_core.tokenizers.decoded_errors import ERRORS, decoded_errors
from lamp_core.tokenizers.kinds import new_tokenizer

from .conftest import SMALL

LAYOUT = FeatureLayout.of_width(263)
YAW, PLANAR = LAYOUT["root_yaw_velocity"], LAYOUT["root_planar_velocity"]
FRAMES = 32


def statistics() -> FeatureStatistics:
    generator = torch.Generator().manual_seed(0)
    mean_D, std_D = torch.rand(2, 263, generator=generator) * 0.01 + 0.005
    return FeatureStatistics(mean_D.numpy(), std_D.numpy())


def moving(turn: float = 0.0, forward: float = 0.0) -> torch.Tensor:
    """Normalised features of a root that turns and walks the same way in every frame."""
    features_BTD = torch.zeros(2, FRAMES, 263)
    features_BTD[..., YAW] = turn / 2
    features_BTD[..., PLANAR.start + 1] = forward
    return statistics().normalise(features_BTD)


def heading_of(true_BTD: torch.Tensor, made_BTD: torch.Tensor) -> torch.Tensor:
    return decoded_errors(statistics())["heading"](true_BTD, made_BTD)


def test_the_truth_costs_nothing() -> None:
    walk_BTD = moving(0.1, 0.05)
    assert float(heading_of(walk_BTD, walk_BTD)) == pytest.approx(0, abs=1e-6)


def test_a_missing_turn_costs_one_minus_its_cosine() -> None:
    turn = pi / (FRAMES - 1)  # half a turn until the last frame
    told = float(heading_of(moving(turn), moving()))
    assert told == pytest.approx(sum(1 - cos(turn * frame) for frame in range(FRAMES)) / FRAMES, rel=1e-3)
    whole = 2 * pi  # in one frame: the same heading
    assert float(heading_of(moving(whole), moving())) == pytest.approx(0, abs=1e-3)


def test_the_gradient_turns_the_root_and_nothing_else() -> None:
    made_BTD = moving(0.02, 0.02).requires_grad_()
    heading_of(moving(0.08, 0.05), made_BTD).backward()
    gradient_BTD = made_BTD.grad
    assert gradient_BTD is not None
    assert (gradient_BTD[:, : FRAMES // 2, YAW] < 0).all()  # more turn
    assert not gradient_BTD[..., YAW.stop :].any()
    assert not gradient_BTD[:, -1].any()  # the last frame leads nowhere


def test_weights_add_the_errors_and_without_them_all_is_as_before() -> None:
    true_BTD = moving(0.08, 0.05)
    tokenizer = new_tokenizer(263, SMALL)
    assert isinstance(tokenizer, ConvolutionalTokenizer)
    tokenizer.train().reconstruct(torch.randn(12, 32, 263))
    tokenizer.eval()
    decoded = decoded_errors(statistics())
    without = tokenizer.losses(true_BTD, decoded)
    assert "heading" not in without
    tokenizer.settings = SMALL.model_copy(update={"heading_weight": 2.0})
    told = tokenizer.losses(true_BTD, decoded)
    torch.testing.assert_close(told["loss"], without["loss"] + 2 * told["heading"])
    with pytest.raises(ValueError, match=r"heading_weight .* none is given"):
        tokenizer.losses(true_BTD)


def test_every_error_has_a_weight() -> None:
    weights = {f"{name}_weight": 1.0 for name in ERRORS}
    assert SMALL.model_copy(update=weights).decoded_weights == dict.fromkeys(ERRORS, 1.0)
    assert SMALL.decoded_weights == {}
