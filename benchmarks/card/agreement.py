"""Trainings on the device beside the same ones on the CPU in float32: the first steps lose alike."""

from contextlib import AbstractContextManager, nullcontext
from functools import partialmethod
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.card.check import Failed, Finding, Form
from benchmarks.card.project import STEPS, Curve, small_project
from benchmarks.card.settings import environment

TOLERANCES = {"float32": 0.005, "bfloat16": 0.02}
"""Largest difference of the loss of any step, as a share. Convolutions take TF32 on a card in float32 too."""
COMPILED_TOLERANCE = 0.005
COMPILED = ("tokenizer", "pretrain", "t2m")


def precision(stage: str, form: Form) -> Finding:
    """A stage's first steps in float32 and in bfloat16 autocast, from the same inputs."""
    project = small_project(form)
    exact = project.made(stage)
    numbers = {"loss_cpu": exact.losses[-1]}
    said = [f"loss {exact} on the CPU in float32"]
    for name, tolerance in TOLERANCES.items():
        if form.is_dry and name == "float32":
            continue  # it is what stands beside it
        with environment(LAMP_PRECISION=name):
            found = project.run(stage, form.device)
        _require_close(found, exact, tolerance, f"{form.device_name} in {name}")
        numbers |= {f"loss_{name}": found.losses[-1], f"difference_{name}": found.difference(exact)}
        said.append(f"{found} in {name} ({100 * found.difference(exact):.2g} %)")
    return Finding(f"{', '.join(said)}, {STEPS} steps", numbers)


def compiled(stage: str, form: Form) -> Finding:
    """A stage's first steps with its networks compiled, beside the same steps as they are."""
    project = small_project(form)
    project.prepare(stage)
    with environment(LAMP_PRECISION="float32"):
        plain = project.run(stage, form.device, is_drawn_on_cpu=False)
        with environment(LAMP_COMPILE="1"), _traced_only() if form.is_dry else nullcontext():
            torch._dynamo.reset()
            found = project.run(stage, form.device, is_drawn_on_cpu=False)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    torch._dynamo.reset()
    if not graphs:
        raise Failed("nothing was compiled")
    _require_close(found, plain, COMPILED_TOLERANCE, "compiled")
    difference = found.difference(plain)
    said = f"{graphs} graphs, loss {found}, uncompiled {plain} ({100 * difference:.2g} %)"
    return Finding(said, {"graphs": graphs, "difference": difference})


def _require_close(found: Curve, exact: Curve, tolerance: float, how: str) -> None:
    difference = found.difference(exact)
    if not difference <= tolerance:
        raise Failed(
            f"{how} the loss is {found}, and {exact} beside it: {100 * difference:.2g} % apart, "
            f"at most {100 * tolerance:g} % are allowed"
        )


def _traced_only() -> AbstractContextManager[object]:
    """Inside, networks are traced as ever and run by torch itself: kernels of the CPU take a minute each."""
    return patch.object(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))
