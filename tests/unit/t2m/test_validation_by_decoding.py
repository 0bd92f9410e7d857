"""Validation of text to motion by what it decodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.training import MotionText, train_t2m
from lamp_core.t2m.transformer import MaskedMotionTransformer

CPU = torch.device("cpu")
HOW = Sampling(4, 2.0, 1.0, 0.5, "causal")


class Stopped(Exception):
    """Stands for a killed process."""


def _items() -> list[MotionText]:
    draws = torch.Generator().manual_seed(0)
    return [
        MotionText(torch.randint(0, 20, (10,), generator=draws), [torch.eye(16)[i : i + 2] * 4])
        for i in range(8)
    ]


@dataclass
class RightCodes:
    """Decodes as inference does, for the share of codes that are the motion's, and remembers weights."""

    items: list[MotionText]
    values: list[float] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)

    def __call__(self, model: MaskedMotionTransformer) -> Mapping[str, float]:
        assert not model.training
        condition = Condition.of([item.conditions[0] for item in self.items])
        lengths, draws = torch.full((len(self.items),), 10), torch.Generator().manual_seed(0)
        drawn_BS = sample_tokens(model, condition, lengths, HOW, draws)
        right = (drawn_BS == torch.stack([item.codes_S for item in self.items])).float().mean()
        self.values.append(float(right))
        self.weights.append(model.head.weight.detach().clone())
        return {"right": self.values[-1]}


def _train(
    settings: TextToMotion, decode: RightCodes, folder: Path | None = None, stop_at: int | None = None
) -> MaskedMotionTransformer:
    def on_progress(done: int, _steps: int, _text: str) -> None:
        if done == stop_at:
            raise Stopped

    return train_t2m(
        decode.items,
        settings,
        20,
        12,
        device=CPU,
        validation=decode.items[:3],
        decoded=(decode, "right"),
        checkpoints=folder,
        on_progress=on_progress,
    )


def _with(settings: TextToMotion, **changes: float) -> TextToMotion:
    training = settings.training.model_copy(update={"steps": 24, "validate_every": 4, **changes})
    return settings.model_copy(update={"training": training})


class LaterWorse(RightCodes):
    """Says that the second of all validations is the best, whatever the loss is."""

    def __call__(self, model: MaskedMotionTransformer) -> Mapping[str, float]:
        super().__call__(model)
        return {"right": -abs(len(self.values) - 2.0)}


def test_the_weights_that_decode_best_are_kept_whatever_their_loss(settings: TextToMotion) -> None:
    decode = LaterWorse(_items())
    kept = _train(_with(settings), decode)
    assert len(decode.weights) == 6
    assert [torch.equal(weight, kept.head.weight) for weight in decode.weights].index(True) == 1


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_resumed_training_keeps_the_same_weights(
    settings: TextToMotion, ema_decay: float, tmp_path: Path
) -> None:
    settings = _with(settings, ema_decay=ema_decay, checkpoint_every=5)
    whole, first, second = (RightCodes(_items()) for _ in range(3))
    expected = _train(settings, whole, tmp_path / "whole")
    with pytest.raises(Stopped):
        _train(settings, first, tmp_path / "killed", stop_at=14)
    resumed = _train(settings, second, tmp_path / "killed")
    assert 0 < len(second.values) < len(whole.values)
    assert whole.values[-len(second.values) :] == second.values
    for name, value in expected.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
