"""Training of the masked motion transformer."""

import pytest
import torch

from lamp_core.config.models import TextToMotion
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.token_table import MotionText
from lamp_core.t2m.training import masked_losses, train_t2m
from lamp_core.t2m.transformer import Attention, MaskedMotionTransformer


def test_gradients_reach_every_parameter(settings: TextToMotion) -> None:
    model = MaskedMotionTransformer(20, 16, 12, settings.model_copy(update={"dropout": 0.2})).train()
    items = [
        MotionText(torch.randint(0, 20, (11 + i % 2,)), [torch.randn(1 + i % 3, 16)] * 2) for i in range(60)
    ]
    masked_losses(model, items, torch.device("cpu"))["loss"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.slow
def test_training_overfits_eight_motions_and_sampling_gives_them_back(settings: TextToMotion) -> None:
    items = [MotionText(torch.randint(0, 20, (10,)), [torch.eye(16)[i : i + 2] * 4]) for i in range(8)]
    settings = settings.model_copy(update={"attention_train": "bidirectional"})
    model = train_t2m(items, settings, 20, 12, device=torch.device("cpu"))
    torch.manual_seed(1)
    with torch.no_grad():
        assert masked_losses(model, items * 8, torch.device("cpu"))["loss"] < 0.3  # a tenth go without text
    conditions = Condition.of([item.conditions[0] for item in items])
    how = Sampling(10, 2.0, 0.1, 0.9, "bidirectional")
    drawn = sample_tokens(model, conditions, torch.full((8,), 10), how, torch.Generator().manual_seed(0))
    right = (drawn == torch.stack([item.codes_S for item in items])).float().mean()
    assert right > 0.95


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_hybrid_training_serves_both_masks(settings: TextToMotion, attention: Attention) -> None:
    items = [MotionText(torch.randint(0, 20, (10,)), [torch.eye(16)[i : i + 2] * 4]) for i in range(8)]
    settings = settings.model_copy(update={"attention_train": "hybrid"})
    model = train_t2m(items, settings, 20, 12, device=torch.device("cpu"))
    conditions = Condition.of([item.conditions[0] for item in items])
    how = Sampling(10, 2.0, 0.1, 0.1, attention)
    drawn = sample_tokens(model, conditions, torch.full((8,), 10), how, torch.Generator().manual_seed(0))
    right = (drawn == torch.stack([item.codes_S for item in items])).float().mean()
    assert right > 0.9


def test_hybrid_training_draws_both_masks_as_a_function_of_the_seed(settings: TextToMotion) -> None:
    settings = settings.model_copy(update={"attention_train": "hybrid"})
    model = MaskedMotionTransformer(20, 16, 12, settings)
    seen: list[Attention] = []
    forward = model.prompt
    model.prompt = lambda *given: (seen.append(given[-1]), forward(*given))[1]  # type: ignore[method-assign]
    items = [MotionText(torch.randint(0, 20, (10,)), [torch.randn(1, 16)])]
    torch.manual_seed(3)
    for _ in range(20):
        masked_losses(model, items, torch.device("cpu"))
    assert {*seen} == {"causal", "bidirectional"}
    once, seen[:] = list(seen), []
    torch.manual_seed(3)
    for _ in range(20):
        masked_losses(model, items, torch.device("cpu"))
    assert seen == once
