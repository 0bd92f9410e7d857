"""The device's limits, and how fast the stages of a profile are beside them."""

import gc
from pathlib import Path
from time import monotonic

import torch

from benchmarks.card.check import Finding, Form
from benchmarks.card.project import CardProject
from benchmarks.card.settings import BATCH, SMALL, shortened
from benchmarks.card.work import CLOCKED_STEPS, Limits, StepClock
from benchmarks.models import peak_memory
from lamp_core.config import Config, override, profile_config
from lamp_core.config.base import FROM_SCRATCH
from lamp_core.lamp.minilm import has_minilm
from lamp_core.training.precision import is_bfloat16

PROFILE = "gpu"
PROFILE_CLIPS = 480
LITTLE_TO_MEASURE = (
    *(
        "evaluate.repeats=2",
        "evaluate.generations=1",
        "evaluate.floor_generations=1",
        "evaluate.completions=1",
    ),
    *("evaluate.multimodality_texts=4", "evaluate.multimodality_motions=4", "evaluate.multimodality_pairs=2"),
)
OPT_125M = "facebook/opt-125m"
OPT_125M_SIZES = (
    *("language_model.layers=12", "language_model.hidden_dim=768", "language_model.heads=12"),
    "language_model.feed_forward_dim=3072",
)
FLOAT32_STAGES = frozenset({"evaluator"})
"""They train in float32 whatever is wanted."""


def limits(form: Form) -> Finding:
    """Rates of matrix products and of memory."""
    found = Limits.measured(form.device)
    found.write(_limits_file(form))
    rates = {"float32": found.float32, "tf32": found.tf32, "bfloat16": found.bfloat16}
    said = ", ".join(f"{name} {rate / 1e12:.3g} TFLOP/s" for name, rate in rates.items() if rate)
    numbers = {f"{name}_tflops": rate / 1e12 for name, rate in rates.items()}
    return Finding(
        f"{said}, memory {found.memory / 1e9:.0f} GB/s",
        numbers | {"memory_gb_per_second": found.memory / 1e9},
    )


def profile_stage(stage: str, form: Form) -> Finding:
    """A stage of the profile, shortened: its steps a second beside the limits, and its peak memory."""
    project, remark = profile_project(form)
    project.prepare(stage)
    clock = StepClock(form.device)
    if not form.is_dry:
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = monotonic()
    project.made(stage, on_progress=clock)
    numbers = {"stage_seconds": monotonic() - began, "peak_gib": peak_memory(form.device)}
    said = [f"{numbers['stage_seconds']:.1f} s", f"peak memory {numbers['peak_gib']:.2f} GiB", *remark]
    if clock.seconds_a_step is not None:
        more, speed = _speed(stage, clock, form)
        numbers |= more
        said.insert(0, speed)
    return Finding("; ".join(said), numbers)


def _speed(stage: str, clock: StepClock, form: Form) -> tuple[dict[str, float], str]:
    """Numbers and a line on the steps a second beside the device's limits."""
    seconds = clock.seconds_a_step or 0.0
    numbers = {"steps_per_second": 1 / seconds}
    said = f"{1 / seconds:.3g} steps/s"
    found = Limits.read(_limits_file(form))
    if not clock.work or not found:
        return numbers, said
    is_half = is_bfloat16(form.device) and stage not in FLOAT32_STAGES
    work, least = clock.work, found.seconds(clock.work, is_bfloat16=is_half)
    arithmetic = work.operations / seconds / (found.bfloat16 if is_half else found.float32)
    traffic = work.bytes_moved / seconds / found.memory
    numbers |= {
        "gigaflop_a_step": work.operations / 1e9,
        "gigabytes_a_step": work.bytes_moved / 1e9,
        "share_of_matrix_rate": arithmetic,
        "share_of_memory_rate": traffic,
        "times_the_limit": seconds / least,
    }
    kind = "bfloat16" if is_half else "float32"
    said += (
        f", {seconds / least:.3g} times the least: {100 * arithmetic:.2g} % of the {kind} matrix rate, "
        f"{100 * traffic:.2g} % of the memory's"
    )
    return numbers, said


def profile_project(form: Form) -> tuple[CardProject, list[str]]:
    """The shortened profile on the device, and what of it could not be had."""
    folder = form.folder / "profile" / "data"
    if form.is_dry:
        config = shortened(profile_config("smoke"), CLOCKED_STEPS, batch_size=BATCH)
        return CardProject(folder, override(config, [*SMALL, *LITTLE_TO_MEASURE])), []
    config, remark = _with_what_is_here(shortened(profile_config(PROFILE), CLOCKED_STEPS))
    small = override(config, [f"ingest.clips={PROFILE_CLIPS}", *LITTLE_TO_MEASURE])
    return CardProject(folder, small, form.device), remark


def _with_what_is_here(config: Config) -> tuple[Config, list[str]]:
    """The profile with random weights where pretrained ones are not on this machine, and what that was."""
    changes, missing = [], []
    if not has_minilm():
        changes += [
            f"{section}.backbone.checkpoint={FROM_SCRATCH}" for section in ("pretrain", "lexical_text")
        ]
        missing.append("MiniLM (the extra minilm)")
    if config.language_model.checkpoint == OPT_125M and not _is_here(OPT_125M):
        changes += [f"language_model.checkpoint={FROM_SCRATCH}", *OPT_125M_SIZES]
        missing.append(OPT_125M)
    return override(config, changes), [f"without {name}: random weights" for name in missing]


def _is_here(checkpoint: str) -> bool:
    """Whether a model of transformers was fetched before."""
    from transformers.utils.hub import cached_file

    try:
        return cached_file(checkpoint, "config.json", local_files_only=True) is not None
    except OSError:
        return False


def _limits_file(form: Form) -> Path:
    return form.folder / "limits.json"
