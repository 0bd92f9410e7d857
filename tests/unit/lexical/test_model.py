import numpy as np
import pytest
import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import LexicalItem
from lamp_core.lexical.contrast_training import contrast_losses, flops_weight, regularised
from lamp_core.lexical.folder import joined, represented
from lamp_core.lexical.layers import unit
from lamp_core.lexical.model import LexicalModel, flops
from lamp_core.lexical.motion_training import new_motion_model
from lamp_core.lexical.text_encoder import LexicalTextModel, ZeroGradient, max_pooled
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.lexical.conftest import CAPTIONS, CPU, contrast_settings, motion, motion_settings

Text = tuple[LexicalTextModel, TextTokenizer]
Lexical = tuple[LexicalModel, TextTokenizer]


@pytest.mark.parametrize("attention", ["alternating", "joint"])
@pytest.mark.parametrize("head_positions", ["times", "patches"])
@pytest.mark.parametrize("representation", ["lexical", "dense"])
def test_padding_never_changes_a_motions_vector(
    attention: str, head_positions: str, representation: str, text: Text
) -> None:
    settings = motion_settings(attention=attention, head_positions=head_positions)
    encoder = new_motion_model(settings, load_skeleton("smpl22"), CPU).encoder
    model = represented(joined(text[0].text, encoder, 0), contrast_settings(representation=representation))
    features_1TD = torch.from_numpy(motion(40, 0))[None]
    alone_1V = model.eval().motion_weights(features_1TD, torch.ones(1, 40, dtype=torch.bool))
    padded_1TD = torch.cat([features_1TD, torch.full((1, 70, 263), 9.0)], dim=1)
    mask_1T = torch.arange(110)[None] < 40
    assert torch.allclose(model.motion_weights(padded_1TD, mask_1T), alone_1V, atol=1e-5)
    other_1T = torch.arange(110)[None] < 60
    assert not torch.allclose(model.motion_weights(padded_1TD, other_1T), alone_1V, atol=1e-3)


@pytest.mark.parametrize("representation", ["lexical", "dense"])
def test_padding_never_changes_a_texts_vector(representation: str, lexical: Lexical) -> None:
    model = represented(lexical[0], contrast_settings(representation=representation)).eval()
    alone_1V = model.text_weights(*lexical[1](CAPTIONS[:1]))
    together_BV = model.text_weights(*lexical[1](CAPTIONS))
    assert torch.allclose(together_BV[:1], alone_1V, atol=1e-5)
    assert not torch.allclose(together_BV[1:2], alone_1V, atol=1e-3)


def test_max_pooling_does_not_see_padding() -> None:
    logits_BXV = torch.tensor([[[1.0, -2.0], [0.0, -1.0], [9.0, 9.0]]])
    assert max_pooled(logits_BXV, torch.tensor([[True, True, False]])).tolist() == [[1.0, -1.0]]


def test_weights_are_of_content_words_alone_and_never_negative(lexical: Lexical) -> None:
    model, tokenizer = lexical
    weights_BV = model.text_weights(*tokenizer(CAPTIONS))
    assert weights_BV.shape == (len(CAPTIONS), tokenizer.size)
    assert (weights_BV >= 0).all()
    assert not weights_BV[:, ~model.text.is_term_V].any()
    assert weights_BV[:, model.text.is_term_V].any()
    assert torch.allclose(unit(weights_BV).norm(dim=1), torch.ones(len(CAPTIONS)))
    assert not unit(torch.zeros(1, 4)).any()


def test_a_vector_without_a_word_takes_no_gradient_over_and_changes_no_other() -> None:
    empty_BV, full_BV = torch.zeros(2, 4), torch.rand(2, 4) + 0.1
    weights_BV = torch.cat([empty_BV, full_BV]).requires_grad_()
    wanted_BV = torch.rand(4, 4)
    (unit(weights_BV) * wanted_BV).sum().backward()
    alone_BV = full_BV.clone().requires_grad_()
    (torch.nn.functional.normalize(alone_BV, dim=-1) * wanted_BV[2:]).sum().backward()
    assert weights_BV.grad is not None
    assert torch.equal(unit(weights_BV)[2:], torch.nn.functional.normalize(full_BV, dim=-1))
    assert torch.equal(weights_BV.grad[2:], alone_BV.grad)
    assert torch.equal(weights_BV.grad[:2], wanted_BV[:2])  # as of a vector of length one


def test_the_bottleneck_is_a_mean_of_detached_word_embeddings(lexical: Lexical) -> None:
    text = lexical[0].text
    pooled_BV = torch.randn(3, text.shape.vocabulary_size, requires_grad=True)
    share_BV = text.lexical_share(pooled_BV)
    assert torch.allclose(share_BV.sum(dim=1), torch.ones(3))
    assert not share_BV[:, ~text.is_term_V].any()
    bottleneck_BH = text.bottleneck(pooled_BV)
    assert torch.allclose(bottleneck_BH, share_BV @ text.words_VH)
    bottleneck_BH.square().sum().backward()
    assert text.words_VH.grad is None
    assert pooled_BV.grad is not None
    assert pooled_BV.grad[:, text.is_term_V].abs().sum() > 0


def test_words_that_weigh_nothing_get_a_gradient_and_no_weight(lexical: Lexical) -> None:
    text = lexical[0].text
    logits_BV = torch.linspace(-4, 4, text.shape.vocabulary_size).repeat(2, 1)

    def gradient(slope: float, reach: float = 0.0) -> torch.Tensor:
        pooled_BV = logits_BV.clone().requires_grad_()
        weights_BV = text.lexical_weights(pooled_BV, ZeroGradient(slope, reach))
        plain_BV = text.lexical_weights(logits_BV)
        torch.testing.assert_close(weights_BV, plain_BV)
        assert torch.equal(weights_BV > 0, plain_BV > 0)
        weights_BV.sum().backward()
        assert pooled_BV.grad is not None
        return pooled_BV.grad

    is_missing_BV, has_meaning_BV = logits_BV < 0, text.is_term_V.expand_as(logits_BV)
    assert not gradient(0.0)[is_missing_BV].any()
    assert torch.equal(gradient(0.3)[is_missing_BV], 0.3 * has_meaning_BV[is_missing_BV])
    assert torch.equal(gradient(0.3)[~is_missing_BV], gradient(0.0)[~is_missing_BV])
    slope_BV = torch.sigmoid(logits_BV / 0.5)
    torch.testing.assert_close(gradient(0.3, reach=0.5), slope_BV / (1 + logits_BV.relu()) * has_meaning_BV)


def test_the_regulariser_is_what_hand_computation_gives() -> None:
    weights_BV = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    assert float(flops(weights_BV)) == pytest.approx(2.0**2 + 0.0 + 1.0**2)
    settings = contrast_settings(flops_weight=0.002, flops_warmup_steps=10)
    assert flops_weight(4, settings) == pytest.approx(0.002 * 0.25)
    assert flops_weight(9, settings) == flops_weight(1000, settings) == pytest.approx(0.002)
    assert flops_weight(0, contrast_settings(flops_warmup_steps=0)) == pytest.approx(0.002)


@pytest.mark.parametrize("below_zero", [True, False])
def test_the_regulariser_may_leave_words_that_weigh_nothing_where_they_are(
    below_zero: bool, lexical: Lexical
) -> None:
    text = lexical[0].text
    settings = contrast_settings(flops_below_zero=below_zero)
    pooled_BV = torch.full((2, text.shape.vocabulary_size), -1.0)
    pooled_BV[0] = 1.0
    pooled_BV.requires_grad_()
    regulariser = flops(regularised(text.lexical_weights(pooled_BV, ZeroGradient(0.3)), settings))
    assert torch.equal(regulariser, flops(text.lexical_weights(pooled_BV, ZeroGradient(0.3))))
    regulariser.backward()
    assert pooled_BV.grad is not None
    assert (pooled_BV.grad[0, text.is_term_V] > 0).all()
    assert bool((pooled_BV.grad[1, text.is_term_V] > 0).all()) is below_zero
    assert bool(pooled_BV.grad[1].any()) is below_zero


def test_the_loss_is_contrast_and_the_weighted_regulariser_of_both_sides(lexical: Lexical) -> None:
    motion_BV, text_BV = torch.rand(3, 5), torch.rand(3, 5)
    losses = contrast_losses(
        lexical[0], motion_BV, text_BV, torch.eye(3, dtype=torch.bool), contrast_settings(), 0.5
    )
    expected = losses["contrastive"] + 0.5 * (flops(motion_BV) + flops(text_BV))
    assert torch.isclose(losses["loss"], expected)
    logits_BB = unit(motion_BV) @ unit(text_BV).T / 0.05
    true = -0.5 * (logits_BB.log_softmax(0).diagonal() + logits_BB.log_softmax(1).diagonal()).mean()
    assert torch.isclose(losses["contrastive"], true)


def test_pairs_that_mean_the_same_are_no_negatives(lexical: Lexical) -> None:
    motion_BV = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    equal_BB = torch.eye(3, dtype=torch.bool)
    apart = contrast_losses(lexical[0], motion_BV, motion_BV, equal_BB, contrast_settings(), 0.0)
    equal_BB[0, 1] = equal_BB[1, 0] = True
    together = contrast_losses(lexical[0], motion_BV, motion_BV, equal_BB, contrast_settings(), 0.0)
    assert float(apart["loss"]) == pytest.approx(2 / 3 * np.log(2), abs=1e-4)
    assert float(together["loss"]) == pytest.approx(0.0, abs=1e-4)


def test_gradients_of_the_contrast_reach_both_encoders_and_the_shared_head(
    lexical: Lexical, items: list[LexicalItem]
) -> None:
    model, tokenizer = represented(lexical[0], contrast_settings()), lexical[1]
    features_BTD = torch.stack([torch.from_numpy(item.features_TD[:40]) for item in items])
    motion_BV = model.motion_weights(features_BTD, torch.ones(8, 40, dtype=torch.bool))
    text_BV = model.text_weights(*tokenizer(CAPTIONS))
    equal_BB = torch.eye(8, dtype=torch.bool)
    contrast_losses(model, motion_BV, text_BV, equal_BB, contrast_settings(), 0.1)["loss"].backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    allowed = {"motion.masked_H"}  # no patch is hidden here; keys' biases move no attention
    assert {name for name in without if not name.endswith("attention.key.bias")} <= allowed
