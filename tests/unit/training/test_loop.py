"""The loop: resume, accumulation, averaging, validation, early stopping."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.batches import BatchSampler
from lamp_core.training.log import OnLog
from lamp_core.training.loop import Fitted, fit
from lamp_core.training.optimiser import EVEN, RateShares
from lamp_core.training.seeds import seed_everything
from lamp_core.training.validation import Validation

EVERYTHING = {"accumulate": 2, "ema_decay": 0.9, "validate_every": 3, "batch_size": 8}


SLOW_START: RateShares = {"0.weight": 0.1, "0.bias": 0.1}
"""The first layer learns at a tenth of the rate."""


class Stopped(Exception):
    """Stands for a killed process."""


@dataclass
class Log:
    """What a training logged, by step and name, and the weights before each micro-batch."""

    numbers: dict[tuple[int, str], float] = field(default_factory=dict)
    weights: list[Tensor] = field(default_factory=list)

    def __call__(self, step: int, scalars: dict[str, float]) -> None:
        self.numbers |= {(step, name): value for name, value in scalars.items()}

    def of(self, name: str) -> list[float]:
        return [value for (_, logged), value in self.numbers.items() if logged == name]


def _train(
    settings: Optimisation,
    folder: Path | None = None,
    stop_at: int | None = None,
    log_every: int = 3,
    shares: RateShares = EVEN,
) -> tuple[nn.Module, Log]:
    """Train a net with dropout and batch norm (buffers) on random targets; stop after a step when told to."""
    seed_everything(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    data = torch.randn(20, 5)
    sampler = BatchSampler.of(len(data), settings)
    log = Log()

    def losses(number: int) -> dict[str, Tensor]:
        if number == stop_at:
            raise Stopped
        log.weights.append(net[0].weight.detach().clone())
        batch = data[sampler.indices(number)]
        return {
            "loss": (net(batch + 0.1 * torch.randn_like(batch)) - batch.sum(1, keepdim=True)).square().mean()
        }

    def measure() -> dict[str, float]:
        assert not net.training
        noisy = data + 0.1 * torch.randn_like(data)  # draws numbers that no step may see
        return {"val_loss": float((net(data) - noisy.sum(1, keepdim=True)).square().mean())}

    def run() -> Fitted:
        return fit(
            net,
            losses,
            settings,
            checkpoints=folder,
            on_log=log,
            log_every=log_every,
            validate=Validation(measure, "val_loss", "lower"),
            shares=shares,
        )

    if stop_at is None:
        run()
        assert not net.training
    else:
        with pytest.raises(Stopped):
            run()
    return net, log


@pytest.mark.parametrize(
    ("changes", "shares"),
    [({}, EVEN), (EVERYTHING, EVEN), (EVERYTHING, SLOW_START)],
    ids=["plain", "everything", "rates"],
)
@pytest.mark.parametrize("stop_at", [1, 5, 8, 11])
def test_a_resumed_run_equals_an_uninterrupted_one(
    stop_at: int, changes: dict[str, float], shares: RateShares, few_steps: Optimisation, tmp_path: Path
) -> None:
    settings = few_steps.model_copy(update=changes)
    stop_at *= settings.accumulate
    whole, whole_log = _train(settings, tmp_path / "whole", shares=shares)
    _, first_log = _train(settings, tmp_path / "killed", stop_at=stop_at, shares=shares)
    resumed, second_log = _train(settings, tmp_path / "killed", shares=shares)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert first_log.numbers | second_log.numbers == whole_log.numbers
    assert len(second_log.numbers) < len(whole_log.numbers) or stop_at < 5 * settings.accumulate


def test_parameters_learn_at_their_share_of_the_rate(few_steps: Optimisation) -> None:
    """AdamW's first step is as long as the rate, whatever the gradient."""
    settings = few_steps.model_copy(update={"steps": 1, "weight_decay": 0.0})
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    rates: dict[str, float] = {}
    fit(
        net,
        lambda _: {"loss": net(torch.ones(2, 3)).square().mean()},
        settings,
        on_log=lambda _, numbers: rates.update(numbers),
        log_every=1,
        shares=SLOW_START,
    )
    pairs = zip(net.parameters(), before, strict=True)
    moved = [float((own.detach() - old).abs().max()) for own, old in pairs]
    rate = rates["learning_rate"]
    assert moved == pytest.approx([0.1 * rate, 0.1 * rate, rate, rate], rel=1e-2)


def test_what_is_validated_and_averaged_does_not_disturb_training(few_steps: Optimisation) -> None:
    _, plain = _train(few_steps)
    _, validated = _train(few_steps.model_copy(update={"validate_every": 1, "ema_decay": 0.9}))
    assert plain.of("loss") == validated.of("loss")
    assert len(validated.of("val_loss")) == few_steps.steps


def test_micro_batches_add_up_to_the_whole_batch() -> None:
    def train(accumulate: int) -> tuple[nn.Module, Log]:
        seed_everything(0)
        net, data, log = nn.Linear(5, 1), torch.randn(24, 5), Log()
        settings = Optimisation(
            steps=9, batch_size=8, learning_rate=1e-2, warmup_steps=0, clip_norm=0.5, accumulate=accumulate
        )
        sampler = BatchSampler.of(len(data), settings)

        def losses(number: int) -> dict[str, Tensor]:
            batch = data[sampler.indices(number)]
            assert len(batch) == 8 // accumulate
            return {"loss": (net(batch) - batch.sum(1, keepdim=True)).square().mean()}

        fit(net, losses, settings, on_log=log, log_every=1)
        return net, log

    (whole, whole_log), (parts, parts_log) = train(1), train(4)
    torch.testing.assert_close(parts.weight, whole.weight, rtol=0, atol=1e-5)
    assert parts_log.of("loss") == pytest.approx(whole_log.of("loss"), abs=1e-5)


def test_the_average_of_the_weights_is_what_the_module_holds_at_the_end(few_steps: Optimisation) -> None:
    plain, log = _train(few_steps)
    averaged, _ = _train(few_steps.model_copy(update={"ema_decay": 0.7}))
    expected = log.weights[0]
    after_each_step = [*log.weights[1:], plain[0].weight.detach()]
    for step, weight in enumerate(after_each_step, start=1):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    torch.testing.assert_close(averaged[0].weight.detach(), expected)
    assert torch.equal(averaged[1].running_mean, plain[1].running_mean)


def _fit_with_scores(
    scores: list[float],
    folder: Path | None = None,
    better: str = "lower",
    stop_at: int | None = None,
    **changes: object,
) -> tuple[Fitted, list[Tensor], Tensor]:
    """Train one weight, validated by given scores; return the weights that were measured, and the last."""
    seed_everything(0)
    weight = nn.Linear(1, 1, bias=False)
    settings = Optimisation(
        steps=2 * len(scores),
        batch_size=1,
        learning_rate=0.1,
        warmup_steps=0,
        validate_every=2,
        checkpoint_every=3,
    ).model_copy(update=changes)
    measured: list[Tensor] = []

    def measure() -> dict[str, float]:
        measured.append(weight.weight.detach().clone())
        return {"val_score": scores[len(measured) - 1], "val_other": 0.0}

    def losses(step: int) -> dict[str, Tensor]:
        if step == stop_at:
            raise Stopped
        return {"loss": (weight.weight - 5).square().mean()}

    fitted = Fitted(0, None, stopped_early=False)
    with contextlib.suppress(Stopped):
        fitted = fit(
            weight, losses, settings, checkpoints=folder, validate=Validation(measure, "val_score", better)
        )
    return fitted, measured, weight.weight.detach()


@pytest.mark.parametrize("kept_in_files", [False, True])
@pytest.mark.parametrize(("better", "best"), [("lower", 2), ("higher", 1)])
def test_the_best_weights_are_what_the_module_holds_at_the_end(
    better: str, best: int, kept_in_files: bool, tmp_path: Path
) -> None:
    folder = tmp_path if kept_in_files else None
    scores = [3.0, 4.0, 2.0, float("nan"), 3.5]
    fitted, measured, last = _fit_with_scores(scores, folder, better)
    assert fitted == Fitted(steps=10, best_step=2 * (best + 1), stopped_early=False)
    assert torch.equal(last, measured[best])
    assert len({float(weight) for weight in measured}) == 5


def test_training_stops_when_validation_does_not_improve() -> None:
    fitted, measured, last = _fit_with_scores([3.0, 2.0, 2.0, 2.5, 1.0], patience=2)
    assert fitted == Fitted(steps=8, best_step=6, stopped_early=True)
    assert torch.equal(last, measured[2])  # of two that are equally good the later


def test_without_a_finite_score_the_last_weights_stay() -> None:
    fitted, measured, last = _fit_with_scores([float("nan"), float("inf")])
    assert fitted.best_step is None
    assert torch.equal(last, measured[-1])


def test_the_last_step_is_validated_too() -> None:
    fitted, measured, _ = _fit_with_scores([3.0, 2.0, 1.0], steps=5)
    assert len(measured) == 3
    assert fitted.best_step == 5


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.5}], ids=["plain", "averaged"])
@pytest.mark.parametrize("stop_at", [3, 5, 7])
def test_a_resumed_run_keeps_the_best_weights_and_its_patience(
    stop_at: int, changes: dict[str, float], tmp_path: Path
) -> None:
    scores = [3.0, 1.0, 2.0, 2.5, 0.5]
    settings = {"patience": 2, "checkpoint_every": 1, **changes}
    whole, _, expected = _fit_with_scores(scores, tmp_path / "whole", **settings)
    assert whole == Fitted(steps=8, best_step=4, stopped_early=True)
    _fit_with_scores(scores, tmp_path / "killed", **settings, stop_at=stop_at)
    resumed, measured, last = _fit_with_scores(
        scores[stop_at // 2 :], tmp_path / "killed", **settings, steps=10
    )
    assert resumed == whole
    assert len(measured) == 4 - stop_at // 2
    assert torch.equal(last, expected)


def test_nothing_is_saved_when_training_is_over(tmp_path: Path) -> None:
    fitted, _, _ = _fit_with_scores([3.0, 4.0, 5.0], tmp_path, patience=1, checkpoint_every=1)
    assert fitted.steps == 4
    assert sorted(path.stem for path in tmp_path.glob("step-*.json")) == ["step-000002", "step-000003"]


def test_a_frozen_parameter_stays(few_steps: Optimisation) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    settings = few_steps.model_copy(update={"ema_decay": 0.5})
    fit(net, lambda step: {"loss": net(torch.ones(3, 2)).square().mean()}, settings)
    same = [torch.equal(*pair) for pair in zip(net.parameters(), before, strict=True)]
    assert same == [True, True, False, False]


def test_a_loss_that_is_not_finite_stops_the_run(few_steps: Optimisation) -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(LampError, match="not finite"):
        fit(net, lambda step: {"loss": net.weight.sum() * float("nan")}, few_steps, log_every=1)


def test_weights_that_are_not_finite_are_not_saved(few_steps: Optimisation, tmp_path: Path) -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(LampError, match="not finite before step 4"):
        fit(net, lambda step: {"loss": net.weight.sum() * float("nan")}, few_steps, checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_says_loss_and_validation(few_steps: Optimisation) -> None:
    net, said = nn.Linear(1, 1), []
    on_log: OnLog = Log()
    fit(
        net,
        lambda step: {"loss": 0 * net.weight.sum() + 0.5},
        few_steps.model_copy(update={"validate_every": 2}),
        on_log=on_log,
        on_progress=lambda done, total, text: said.append((done, total, text)),
        log_every=2,
        validate=Validation(lambda: {"val_loss": 0.25}, "val_loss", "lower"),
    )
    assert said[0] == (1, 12, "")
    assert said[-1] == (12, 12, "loss 0.500, val_loss 0.250 (best 0.250 at 12)")


def test_two_threads_give_the_same_weights_again() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert len({_picked_rows_trained() for _ in range(3)}) == 1
    finally:
        torch.set_num_threads(threads)
    assert not torch.are_deterministic_algorithms_enabled()


def _picked_rows_trained() -> bytes:
    """Weights after gradients that many picks of the same rows add to: enough for two threads to share."""
    seed_everything(0)
    table = nn.Linear(128, 600, bias=False)
    picks, targets = torch.randint(0, 600, (6000,)), torch.randn(6000, 128)

    def losses(number: int) -> dict[str, Tensor]:
        return {"loss": ((table.weight * 1.0)[picks] * targets).mean()}

    fit(table, losses, Optimisation(steps=5, batch_size=1, learning_rate=0.1, warmup_steps=0))
    return table.weight.detach().numpy().tobytes()
