"""Learning rate, decay groups, order of the items."""

import numpy as np
import pytest
from torch import nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training import distribution
from lamp_core.training.batches import BatchSampler
from lamp_core.training.optimiser import SHARE, learning_rate, make_optimiser, set_learning_rate


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


def test_milestones_multiply_the_rate() -> None:
    settings = Optimisation(
        steps=100,
        batch_size=1,
        learning_rate=1.0,
        warmup_steps=10,
        schedule="milestones",
        milestones=(30, 60),
        milestone_factor=0.2,
    )
    rates = [learning_rate(step, settings) for step in (4, 10, 29, 30, 59, 60, 99)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.2, 0.2, 0.04, 0.04])


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 10, "accumulate": 4},
        {"schedule": "milestones"},
        {"milestones": (3,)},
        {"schedule": "milestones", "milestones": (5, 3)},
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"multiple|together|rise"):
        Optimisation(**{"steps": 9, "batch_size": 4, "learning_rate": 1.0, **changes})


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


def test_processes_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = BatchSampler(20, 6, seed=0).indices(1)
    monkeypatch.setattr(distribution.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(distribution.dist, "get_world_size", lambda: 3)
    shares = []
    for rank in range(3):
        monkeypatch.setattr(distribution.dist, "get_rank", lambda rank=rank: rank)
        shares.append(BatchSampler(20, 6, seed=0).indices(1))
    assert np.stack(shares, axis=1).flatten().tolist() == whole.tolist()
    assert len(BatchSampler(5, 6, seed=0).indices(0)) == 1  # batches of three, the most that all can share
    with pytest.raises(LampError, match="3 processes cannot share batches of 4"):
        BatchSampler(20, 4, seed=0)
    with distribution.alone():
        assert len(BatchSampler(20, 4, seed=0).indices(0)) == 4


def test_a_share_of_the_learning_rate_has_groups_of_its_own(few_steps: Optimisation) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 3))
    optimiser = make_optimiser(net, few_steps, {"2.weight": 0.1, "2.bias": 0.1, "unknown": 0.5})
    groups = optimiser.param_groups
    found = [(group[SHARE], len(group["params"]), group["weight_decay"] > 0) for group in groups]
    assert found == [(1.0, 1, True), (1.0, 3, False), (0.1, 1, True), (0.1, 1, False)]
    set_learning_rate(optimiser, 0.5)
    assert [group["lr"] for group in groups] == [0.5, 0.5, 0.05, 0.05]
    (plain,) = {group[SHARE] for group in make_optimiser(net, few_steps).param_groups}
    assert plain == 1.0
