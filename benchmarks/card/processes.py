"""Training in processes of torchrun, and training that was killed."""

import os
import signal
import sys
from hashlib import sha256
from pathlib import Path

import torch

from benchmarks.card.check import Failed, Finding, Form
from benchmarks.card.job import Job, ended
from benchmarks.card.project import CardProject, small_project
from benchmarks.card.settings import BATCH, SMALL, environment, shortened
from lamp_core.config import override, profile_config
from tasks.stage.launch import launch

TOLERANCE = 1e-3
"""Largest difference of the loss of any step, as a share."""
RESUMED_STEPS, SAVED_AT, KILLED_AT = 6, 3, 4
RESUMED = ("tokenizer", "pretrain", "t2m", "large_motion")
SHARED = ("tokenizer", "pretrain", "t2m")
MOST_PROCESSES = 2


def shared(stage: str, form: Form) -> Finding:
    """A stage's first steps by DDP, beside those of a process without a group."""
    return _beside_one(small_project(form), stage, form, "DDP")


def sharded(form: Form) -> Finding:
    """First steps of the large motion model in shards (FSDP), beside those of one process that has all."""
    project = small_project(form)
    in_shards = override(project.config, ["large_motion.sharding=fsdp"])
    return _beside_one(CardProject(project.data, in_shards), "large_motion", form, "FSDP")


def _beside_one(project: CardProject, stage: str, form: Form, how: str) -> Finding:
    small_project(form).prepare(stage)
    processes = 1 if form.is_dry else min(MOST_PROCESSES, torch.cuda.device_count())
    job = Job.of(form.folder / "jobs" / f"{how}-{stage}", project, stage, is_group=True)
    with environment(LAMP_PRECISION="float32"):
        command = launch("benchmarks.card.job", [job.write()], processes, 1, os.environ)
        status, last = ended(command, form.device_name)
        if status:
            raise Failed(f"torchrun ended with status {status}: {last}")
        alone = small_project(form).run(stage, form.device, is_drawn_on_cpu=False)
    found = job.losses()
    difference = found.difference(alone)
    backend = "gloo" if form.is_dry else "nccl"
    said = f"{how} by {backend}, {processes} process(es): loss {found}, {alone} without ({difference:.1g})"
    if not difference <= TOLERANCE:
        raise Failed(f"{said}; at most {TOLERANCE:g} is allowed")
    return Finding(said, {"difference": difference, "processes": processes})


def resumed(stage: str, form: Form) -> Finding:
    """A training that was killed on its way and went on, beside one that was not, file by file."""
    small = small_project(form)
    small.prepare(stage)
    config = shortened(profile_config("smoke"), RESUMED_STEPS, checkpoint_every=SAVED_AT, batch_size=BATCH)
    project = CardProject(small.data, override(config, SMALL))
    folder = form.folder / "jobs" / f"resumed-{stage}"
    job = Job.of(folder, project, stage, killed_at=KILLED_AT)
    status, last = ended([sys.executable, "-m", "benchmarks.card.job", job.write()], form.device_name)
    if status != -signal.SIGKILL:
        raise Failed(f"a process that was to be killed ended with status {status}: {last}")
    if not list(Path(job.checkpoints).glob(f"step-{SAVED_AT:06d}.json")):
        raise Failed(f"no checkpoint of step {SAVED_AT} is left of a process that was killed at {KILLED_AT}")
    begun: list[int] = []
    _run(project, stage, form, folder / "resumed", Path(job.checkpoints), begun)
    _run(project, stage, form, folder / "whole", folder / "others", [])
    if begun[0] != SAVED_AT + 1:
        raise Failed(f"the resumed training went on with step {begun[0]}, not {SAVED_AT + 1}")
    whole, again = _hashes(folder / "whole"), _hashes(folder / "resumed")
    differing = sorted(name for name in whole if whole[name] != again.get(name))
    if differing or not whole:
        raise Failed(f"other bits than without a kill: {', '.join(differing) or 'no weights were written'}")
    said = f"killed at step {KILLED_AT} of {RESUMED_STEPS}, the same bits in {len(whole)} file(s) of weights"
    return Finding(said)


def _run(
    project: CardProject, stage: str, form: Form, output: Path, checkpoints: Path, steps: list[int]
) -> None:
    """Run a stage and note its steps."""
    project.run(
        stage,
        form.device,
        output=output,
        checkpoints=checkpoints,
        on_progress=lambda done, total, text: steps.append(done) if total == RESUMED_STEPS else None,
        is_drawn_on_cpu=False,
    )


def _hashes(folder: Path) -> dict[str, str]:
    """The hash of each file of weights."""
    return {
        str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.safetensors"))
    }
