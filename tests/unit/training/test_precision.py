"""Precision and compilation leave the weights' names and types alone."""

from functools import partialmethod

import pytest
import torch
from torch import Tensor, nn

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.loop import fit
from lamp_core.training.precision import compile_when_wanted, full_precision, is_bfloat16

CPU = torch.device("cpu")


class Net(nn.Module):
    """A network without a forward pass of its own, as LaMP is: its parts are called."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
        self.scale = nn.Linear(1, 1)


def _train(settings: Optimisation) -> tuple[Net, set[torch.dtype], list[float]]:
    torch.manual_seed(0)
    net, data = Net(), torch.randn(16, 4)
    dtypes, losses_seen = set(), []

    def losses(step: int) -> dict[str, Tensor]:
        made = net.body(data)
        dtypes.add(made.dtype)
        with full_precision(CPU):
            assert net.scale(torch.ones(1, 1)).dtype == torch.float32
        return {"loss": (net.scale(made).float() - 1).square().mean()}

    fit(net, losses, settings, on_log=lambda step, scalars: losses_seen.append(scalars["loss"]), log_every=1)
    return net, dtypes, losses_seen


def test_bfloat16_computes_in_it_and_keeps_float32_weights(
    few_steps: Optimisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dtypes, exact = _train(few_steps)
    assert dtypes == {torch.float32}
    monkeypatch.setenv("LAMP_PRECISION", "bfloat16")
    net, dtypes, rounded = _train(few_steps)
    assert dtypes == {torch.bfloat16}
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
    assert rounded == pytest.approx(exact, rel=0.05)
    assert rounded != exact


@pytest.mark.parametrize(("wanted", "expected"), [("", False), ("auto", False), ("float32", False)])
def test_the_cpu_computes_in_float32_unless_asked(
    wanted: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMP_PRECISION", wanted)
    assert is_bfloat16(CPU) is expected


def test_a_device_with_bfloat16_uses_it_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.delenv("LAMP_PRECISION", raising=False)
    assert is_bfloat16(cuda)
    monkeypatch.setenv("LAMP_PRECISION", "float32")
    assert not is_bfloat16(cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old card")
    monkeypatch.setenv("LAMP_PRECISION", "auto")
    assert not is_bfloat16(cuda)
    monkeypatch.setenv("LAMP_PRECISION", "bfloat16")
    with pytest.raises(LampError, match="an old card does not have it"):
        is_bfloat16(cuda)


def test_unknown_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_PRECISION", "float16")
    with pytest.raises(
        LampError, match="LAMP_PRECISION=float16 is no precision; use auto, float32, bfloat16"
    ):
        is_bfloat16(CPU)
    monkeypatch.setenv("LAMP_COMPILE", "yes")
    with pytest.raises(LampError, match="LAMP_COMPILE=yes is neither 0 nor 1"):
        compile_when_wanted(Net())


def test_compiled_networks_keep_their_names_and_results(
    few_steps: Optimisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _, expected = _train(few_steps)
    monkeypatch.setenv("LAMP_COMPILE", "1")
    # traced as ever, but run by torch itself: making kernels takes most of a minute
    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="eager"))
    compiled, _, losses = _train(few_steps)
    assert compiled.body._compiled_call_impl is not None
    assert compiled.scale._compiled_call_impl is None  # one layer
    assert list(compiled.state_dict()) == list(plain.state_dict())
    assert losses == pytest.approx(expected, rel=1e-5)
