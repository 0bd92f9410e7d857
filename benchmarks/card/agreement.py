"""Trainings on the device beside the same ones on the CPU in float32: the first steps lose alike."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partialmethod
from unittest.mock import patch

import torch
from torch import nn
from torch._dynamo.utils import counters

from benchmarks.card.check import Failed, Finding, Form
from benchmarks.card.project import STEPS, Curve, small_project
from benchmarks.card.settings import environment, shortened


@dataclass(frozen=True)
class Tolerance:
    """Largest differences of losses, as shares.

    Args:
        first: of the first step, which no rounding of a step before it has changed.
        later: of any step: a rounding that changes a code of a tokenizer goes on from there.
    """

    first: float
    later: float


TOLERANCES = {"float32": Tolerance(0.005, 0.03), "bfloat16": Tolerance(0.01, 0.1)}
"""Beside float32 on the CPU. Convolutions take TF32 on a card in float32 too."""
COMPILED_TOLERANCE = Tolerance(0.001, 0.01)
COMPILED = ("tokenizer", "t2m")
"""The others take minutes to compile."""
COMPILED_STEPS = 2
"""Each new length of a batch is compiled anew."""


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
    config = shortened(project.config, COMPILED_STEPS)
    with environment(LAMP_PRECISION="float32"):
        plain = project.run(stage, form.device, config=config, is_drawn_on_cpu=False)
        with environment(LAMP_COMPILE="1"), _traced_only() if form.is_dry else nullcontext():
            torch._dynamo.reset()
            counters.clear()
            found = project.run(stage, form.device, config=config, is_drawn_on_cpu=False)
    graphs = counters["stats"]["unique_graphs"]
    torch._dynamo.reset()
    if not graphs:
        raise Failed("nothing was compiled")
    _require_close(found, plain, COMPILED_TOLERANCE, "compiled")
    difference = found.difference(plain)
    said = f"{graphs} graphs, loss {found}, uncompiled {plain} ({100 * difference:.2g} %)"
    return Finding(said, {"graphs": graphs, "difference": difference})


def _require_close(found: Curve, exact: Curve, tolerance: Tolerance, how: str) -> None:
    first, all_steps = Curve(found.losses[:1]).difference(Curve(exact.losses[:1])), found.difference(exact)
    if not (first <= tolerance.first and all_steps <= tolerance.later):
        raise Failed(
            f"{how} the loss is {found}, and {exact} beside it: {100 * first:.2g} % apart in the first step "
            f"and {100 * all_steps:.2g} % in any, {100 * tolerance.first:g} and {100 * tolerance.later:g} % "
            "are allowed"
        )


def _traced_only() -> AbstractContextManager[object]:
    """Inside, networks are traced as ever and run by torch itself: making kernels takes most of a minute."""
    return patch.object(nn.Module, "compile", partialmethod(nn.Module.compile, backend="eager"))
