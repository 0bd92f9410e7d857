"""Training: resume, schedule, decay groups, sampling."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training import BatchSampler, fit, load_weights, save_model, seed_everything
from lamp_core.training.optimiser import learning_rate, make_optimiser


class Stopped(Exception):
    """Stands for a killed process."""


def _train(
    settings: Optimisation, folder: Path, stop_at: int | None = None
) -> tuple[nn.Module, list[tuple[int, dict[str, float]]]]:
    """Train a net with dropout and batch norm (buffers) on random targets; stop after a step when told to."""
    seed_everything(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    data = torch.randn(20, 5)
    sampler = BatchSampler(len(data), settings.batch_size, settings.seed)
    logged: list[tuple[int, dict[str, float]]] = []

    def losses(step: int) -> dict[str, Tensor]:
        if step == stop_at:
            raise Stopped
        batch = data[sampler.indices(step)]
        return {
            "loss": (net(batch + 0.1 * torch.randn_like(batch)) - batch.sum(1, keepdim=True)).square().mean()
        }

    def log(step: int, scalars: dict[str, float]) -> None:
        logged.append((step, scalars))

    if stop_at is None:
        fit(net, losses, settings, checkpoints=folder, on_log=log, log_every=3)
    else:
        with pytest.raises(Stopped):
            fit(net, losses, settings, checkpoints=folder, on_log=log, log_every=3)
    return net, logged


@pytest.mark.parametrize("stop_at", [1, 5, 8, 11])
def test_a_resumed_run_equals_an_uninterrupted_one(
    stop_at: int, few_steps: Optimisation, tmp_path: Path
) -> None:
    whole, whole_log = _train(few_steps, tmp_path / "whole")
    _, first_log = _train(few_steps, tmp_path / "killed", stop_at=stop_at)
    resumed, second_log = _train(few_steps, tmp_path / "killed")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert dict(first_log) | dict(second_log) == dict(whole_log)
    assert len(second_log) < len(whole_log) or stop_at < few_steps.checkpoint_every


def test_a_damaged_checkpoint_is_passed_over(few_steps: Optimisation, tmp_path: Path) -> None:
    whole, _ = _train(few_steps, tmp_path / "whole")
    _train(few_steps, tmp_path / "killed", stop_at=9)
    newest = sorted((tmp_path / "killed").glob("*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:-7])
    with pytest.warns(UserWarning, match="damaged"):
        resumed, _ = _train(few_steps, tmp_path / "killed")
    assert torch.equal(whole.state_dict()["0.weight"], resumed.state_dict()["0.weight"])


def test_two_checkpoints_are_kept(few_steps: Optimisation, tmp_path: Path) -> None:
    settings = few_steps.model_copy(update={"checkpoint_every": 2})
    _train(settings, tmp_path)
    assert [path.name for path in sorted(tmp_path.glob("*.safetensors"))] == [
        "step-000008.safetensors",
        "step-000010.safetensors",
    ]


def test_a_loss_that_is_not_finite_stops_the_run(few_steps: Optimisation) -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(LampError, match="not finite"):
        fit(net, lambda step: {"loss": net.weight.sum() * float("nan")}, few_steps, log_every=1)


def test_the_learning_rate_follows_its_definition() -> None:
    settings = Optimisation(
        steps=110, batch_size=1, learning_rate=1.0, final_learning_rate=0.1, warmup_steps=10
    )
    assert learning_rate(0, settings) == pytest.approx(0.1)
    assert learning_rate(9, settings) == pytest.approx(1.0)
    assert learning_rate(60, settings) == pytest.approx(0.55)
    assert learning_rate(110, settings) == pytest.approx(0.1)
    constant = settings.model_copy(update={"schedule": "constant"})
    assert learning_rate(100, constant) == 1.0


def test_biases_norms_and_frozen_parameters(few_steps: Optimisation) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    net[2].requires_grad_(False)
    decayed, plain = make_optimiser(net, few_steps).param_groups
    assert [p.shape for p in decayed["params"]] == [(2, 2)] and decayed["weight_decay"] > 0
    assert len(plain["params"]) == 3 and plain["weight_decay"] == 0


def test_an_epoch_visits_every_item_once_and_epochs_differ() -> None:
    sampler = BatchSampler(10, 4, seed=3)
    first = [*sampler.indices(0), *sampler.indices(1)]
    assert len(set(first)) == 8
    assert first != [*sampler.indices(2), *sampler.indices(3)]
    assert list(sampler.indices(1)) == list(BatchSampler(10, 4, seed=3).indices(1))
    assert len(BatchSampler(3, 4, seed=0).indices(5)) == 3


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path, nn.Linear(2, 3), {})
    with pytest.raises(LampError, match="does not fit"):
        load_weights(tmp_path, nn.Linear(2, 4))
    with pytest.raises(LampError, match="no trained model"):
        load_weights(tmp_path / "nowhere", nn.Linear(2, 4))
