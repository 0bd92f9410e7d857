"""A training that is told to end saves the step that it is in."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.training import signals
from lamp_core.training.loop import fit

SETTINGS = {"checkpoint_every": 1000, "ema_decay": 0.9}


class Told(BaseException):
    """Stands for a signal."""


def _fit(settings: Optimisation, folder: Path, told_at: int | None = None) -> tuple[nn.Module, int]:
    """Train a net with dropout; ask it to stop in a step. Return it and the steps it did."""
    torch.manual_seed(0)
    net, steps = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1)), []

    def losses(number: int) -> dict[str, torch.Tensor]:
        steps.append(number)
        if number == told_at:
            assert signals.ask(Told())
            assert signals.is_pending()
        return {"loss": (net(torch.randn(6, 3)) - 1).square().mean()}

    if told_at is None:
        fit(net, losses, settings, checkpoints=folder, log_every=5)
    else:
        with pytest.raises(Told):
            fit(net, losses, settings, checkpoints=folder, log_every=5)
    return net, len(steps)


def test_a_training_that_is_told_to_end_saves_its_step_and_goes_on_from_there(
    few_steps: Optimisation, tmp_path: Path
) -> None:
    settings = few_steps.model_copy(update=SETTINGS)
    whole, _ = _fit(settings, tmp_path / "whole")
    _, done = _fit(settings, tmp_path / "told", told_at=6)
    assert done == 7
    assert not signals.is_pending()
    assert [path.name for path in sorted((tmp_path / "told").glob("*.json"))] == ["step-000007.json"]
    resumed, done = _fit(settings, tmp_path / "told")
    assert done == few_steps.steps - 7
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_whoever_asks_when_nothing_trains_is_told_so() -> None:
    assert not signals.ask(Told())
    assert not signals.is_pending()


def test_a_wish_that_comes_after_the_last_step_is_raised() -> None:
    with pytest.raises(Told), signals.stoppable():
        signals.ask(Told())
