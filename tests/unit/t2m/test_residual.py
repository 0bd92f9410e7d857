"""The residual transformer: what it sees, what it fills, and that it learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lamp_core.config.models import Optimisation, TextToMotion, Tokenizer
from lamp_core.config.residual import Residual
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.folder import load_residual, save_residual
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.residual import ResidualTransformer
from lamp_core.t2m.residual_sampler import fill_layers
from lamp_core.t2m.residual_training import new_residual, train_residual, validation_losses
from lamp_core.t2m.token_table import MotionText
from lamp_core.tokenizers.rvq import ResidualVQVAE

CPU = torch.device("cpu")
LAYERS, CODES, WIDTH, LONGEST = 3, 20, 16, 12
SETTINGS = Residual(
    layers=2,
    heads=2,
    hidden_dim=32,
    feed_forward_dim=64,
    dropout=0.0,
    condition_dropout=0.1,
    training=Optimisation(steps=300, batch_size=8, learning_rate=3e-3, warmup_steps=10, weight_decay=0.0),
)


def rvq(features: int) -> ResidualVQVAE:
    torch.manual_seed(0)
    sizes = Tokenizer(
        kind="rvq", hidden_dim=8, code_dim=8, codebook_size=CODES, residual_depth=1, quantiser_layers=LAYERS
    )
    tokenizer = ResidualVQVAE(features, sizes)
    tokenizer.start_at_random()
    return tokenizer.eval()


@pytest.fixture
def tokenizer() -> ResidualVQVAE:
    return rvq(24)


@pytest.fixture
def residual(tokenizer: ResidualVQVAE) -> ResidualTransformer:
    torch.manual_seed(0)
    return new_residual(SETTINGS, tokenizer, WIDTH, LONGEST).eval()


def items(count: int = 8) -> list[MotionText]:
    """Motions of whose codes only the text tells."""
    random = torch.Generator().manual_seed(0)
    codes = [torch.randint(0, CODES, (10, LAYERS), generator=random) for _ in range(count)]
    for codes_SR in codes[1:]:
        codes_SR[:, 0] = codes[0][:, 0]
    return [MotionText(codes_SR, [torch.eye(WIDTH)[i : i + 2] * 4]) for i, codes_SR in enumerate(codes)]


def logits(model: ResidualTransformer, codes_BSR: Tensor, layer: int, lengths: list[int]) -> Tensor:
    return logits_of_each(model, codes_BSR, [layer] * len(codes_BSR), lengths)


def logits_of_each(
    model: ResidualTransformer, codes_BSR: Tensor, layers: list[int], lengths: list[int]
) -> Tensor:
    condition = Condition.of([torch.eye(WIDTH)[:2]] * len(codes_BSR))
    with_text_B = torch.ones(len(codes_BSR), dtype=torch.bool)
    layers_B, lengths_B = torch.tensor(layers), torch.tensor(lengths)
    return model(codes_BSR, layers_B, lengths_B, condition, with_text_B).detach()


def test_a_layer_reads_the_layers_before_it_alone(residual: ResidualTransformer) -> None:
    codes_BSR = torch.randint(0, CODES, (1, 6, LAYERS))
    other_BSR = codes_BSR.clone()
    other_BSR[..., 1:] = (other_BSR[..., 1:] + 1) % CODES
    torch.testing.assert_close(logits(residual, codes_BSR, 1, [6]), logits(residual, other_BSR, 1, [6]))
    assert not torch.allclose(logits(residual, codes_BSR, 2, [6]), logits(residual, other_BSR, 2, [6]))


def test_every_position_sees_what_stands_behind_it(residual: ResidualTransformer) -> None:
    codes_BSR = torch.randint(0, CODES, (1, 6, LAYERS))
    other_BSR = codes_BSR.clone()
    other_BSR[:, -1, 0] = (other_BSR[:, -1, 0] + 1) % CODES
    assert not torch.allclose(logits(residual, codes_BSR, 1, [6])[0], logits(residual, other_BSR, 1, [6])[0])


def test_a_motion_is_the_same_alone_and_beside_longer_ones(residual: ResidualTransformer) -> None:
    codes_BSR = torch.randint(0, CODES, (2, 9, LAYERS))
    together_NK = logits(residual, codes_BSR, 1, [5, 9])
    torch.testing.assert_close(together_NK[:5], logits(residual, codes_BSR[:1, :5], 1, [5]))


def test_each_row_of_a_batch_has_its_layer(residual: ResidualTransformer) -> None:
    codes_BSR = torch.randint(0, CODES, (2, 6, LAYERS))
    together_NK = logits_of_each(residual, codes_BSR, [2, 1], [6, 6])
    torch.testing.assert_close(together_NK[:6], logits(residual, codes_BSR[:1], 2, [6]))
    torch.testing.assert_close(together_NK[6:], logits(residual, codes_BSR[1:], 1, [6]))


def test_gradients_reach_every_parameter(tokenizer: ResidualVQVAE) -> None:
    torch.manual_seed(0)
    model = new_residual(SETTINGS, tokenizer, WIDTH, LONGEST).train()
    codes_BSR = torch.randint(0, CODES, (4, 6, LAYERS))
    condition = Condition.of([torch.randn(2, WIDTH) for _ in range(4)])
    with_text_B = torch.tensor([True, True, False, False])
    layers_B, lengths_B = torch.tensor([1, 2, 1, 2]), torch.full((4,), 6)
    model(codes_BSR, layers_B, lengths_B, condition, with_text_B).square().mean().backward()
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unreached == []


def test_what_is_filled_keeps_the_first_layer_and_what_is_given(residual: ResidualTransformer) -> None:
    first_BS = torch.randint(0, CODES, (2, 8))
    given_BSR = torch.randint(0, CODES, (2, 8, LAYERS))
    stays_BS = torch.zeros(2, 8, dtype=torch.bool)
    stays_BS[:, 2:5] = True
    first_BS[:, 2:5] = given_BSR[:, 2:5, 0]
    condition, lengths_B = Condition.of([torch.eye(WIDTH)[:2]] * 2), torch.tensor([8, 5])

    def filled(seed: int) -> Tensor:
        draws = torch.Generator().manual_seed(seed)
        return fill_layers(residual, first_BS, condition, lengths_B, draws, given=(given_BSR, stays_BS))

    codes_BSR = filled(1)
    assert (codes_BSR[0, :, 0] == first_BS[0]).all()
    assert (codes_BSR[:, 2:5] == given_BSR[:, 2:5]).all()
    assert (codes_BSR[1, 5:] == 0).all()
    assert (codes_BSR == filled(1)).all()
    assert (codes_BSR != filled(2)).any()


def test_without_text_the_text_is_not_read(residual: ResidualTransformer) -> None:
    first_BS, lengths_B = torch.randint(0, CODES, (1, 8)), torch.tensor([8])
    texts = [Condition.of([torch.eye(WIDTH)[i : i + 2 + i] * 4]) for i in (0, 5)]  # of two and seven words

    def filled(text: Condition, guidance: float | None) -> Tensor:
        draws = torch.Generator().manual_seed(0)
        return fill_layers(residual, first_BS, text, lengths_B, draws, guidance=guidance)

    assert (filled(texts[0], 0.0) == filled(texts[1], 0.0)).all()
    assert (filled(texts[0], None) != filled(texts[1], None)).any()


def test_it_is_the_same_after_saving(residual: ResidualTransformer, tmp_path: Path) -> None:
    save_residual(tmp_path, residual, TextToMotion(condition="words"))
    loaded = load_residual(tmp_path, lamp=None)  # type: ignore[arg-type]  # words are read without LaMP
    codes_BSR = torch.randint(0, CODES, (1, 6, LAYERS))
    torch.testing.assert_close(logits(residual, codes_BSR, 2, [6]), logits(loaded, codes_BSR, 2, [6]))


@pytest.mark.slow
def test_training_overfits_eight_motions(tokenizer: ResidualVQVAE) -> None:
    model = train_residual(items(), SETTINGS, tokenizer, LONGEST, device=CPU)
    assert validation_losses(model, items(), CPU)["val_loss"] < 0.2
    first_BS = torch.stack([item.codes_S[:, 0] for item in items()])
    condition = Condition.of([item.conditions[0] for item in items()])
    cold = SETTINGS.model_copy(update={"temperature": 0.0})
    model.settings = cold
    drawn_BSR = fill_layers(model, first_BS, condition, torch.full((8,), 10), torch.Generator())
    right = (drawn_BSR == torch.stack([item.codes_S for item in items()])).float().mean()
    assert right > 0.95


def test_training_needs_items(tokenizer: ResidualVQVAE) -> None:
    with pytest.raises(LampError, match="no item to train on"):
        train_residual([], SETTINGS, tokenizer, LONGEST, device=CPU)


def test_a_generator_decodes_all_layers(
    make_generator: Callable[[Skeleton], MotionGenerator], skeleton: Skeleton
) -> None:
    tokenizer = rvq(skeleton.feature_count)
    residual = new_residual(SETTINGS, tokenizer, WIDTH, LONGEST).eval()
    coarse = replace(make_generator(skeleton), tokenizer=tokenizer)
    fine = replace(coarse, residual=residual)
    (first,), (all_layers,) = (each.generate(["a person kicks"], [20], 0) for each in (coarse, fine))
    assert first.shape == all_layers.shape
    assert not np.allclose(first, all_layers)
    motion_TD = np.random.default_rng(0).normal(size=(24, skeleton.feature_count)).astype(np.float32)
    given_T = np.repeat([True, True, False, False, True, True], 4)
    (completed,) = fine.complete(["a person kicks"], [motion_TD], [given_T], 0)
    np.testing.assert_array_equal(completed[given_T], motion_TD[given_T])
    (filled,) = fine.fill(motion_TD[:8], 8, motion_TD[:4], None, 1, 0)
    assert filled.shape == (20, skeleton.feature_count)
    random = residual.untrained()
    assert not torch.equal(random.vector_projection.weight, residual.vector_projection.weight)
    assert torch.equal(random.codebooks_RKC, residual.codebooks_RKC)
