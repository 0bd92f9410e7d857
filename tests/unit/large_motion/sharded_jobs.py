"""Trainings of a tiny large motion model whose weights lie in shards, in any number of processes.

``torchrun --nproc-per-node 2 -m tests.unit.large_motion.sharded_jobs FOLDER`` writes what each comes to.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from lamp_core.errors import LampError
from lamp_core.large_motion.training import train_large_motion
from lamp_core.training.distribution import is_first, process_group, rank
from lamp_core.training.model_files import state_tensors
from lamp_core.training.run import TrainingRun
from lamp_core.training.watching import Watching
from tests.unit.large_motion.conftest import QUICK, SETTINGS, items_of, spoken, three_channels
from tests.unit.motion_language.conftest import causal

STEPS = QUICK.model_copy(update={"steps": 9, "accumulate": 2, "ema_decay": 0.9, "checkpoint_every": 3})
KILLED_AT = 5
"""Steps done; the checkpoint before is of step 3."""


class Killed(BaseException):
    """What a kill is to a training."""


@contextmanager
def killed() -> Iterator[list[TrainingRun]]:
    """Inside, a training ends between two checkpoints; the list gets the run as it was then."""
    runs: list[TrainingRun] = []
    step = TrainingRun.step

    def stopping(run: TrainingRun) -> None:
        if run.done == KILLED_AT:
            runs.append(run)
            raise Killed
        step(run)

    with patch.object(TrainingRun, "step", stopping):
        try:
            yield runs
        except Killed:
            return
    raise AssertionError("the training was not killed")


def train(
    sharding: str, checkpoints: Path | None = None, **changes: Any
) -> tuple[nn.Module, dict[str, float], list[Any]]:
    """Return the model, what is measured of it, and the curve."""
    settings = SETTINGS.model_copy(update={"sharding": sharding, "training": STEPS, **changes})
    curve: list[Any] = []
    watching = Watching(checkpoints, lambda step, scalars: curve.append((step, dict(scalars))))
    items = items_of(spoken(), val=spoken()[:3])
    model, _, found = train_large_motion(causal(), three_channels(), settings, items, watching)
    return model, found, curve


def bytes_here(run: TrainingRun) -> dict[str, int]:
    """Bytes that this process holds of weights, their moments and average, and of all in all."""
    tensors = list({id(tensor): tensor for tensor in run._tensors().values() if tensor.ndim}.values())
    mine = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    return {"here": sum(each.nbytes for each in mine), "all": sum(each.nbytes for each in tensors)}


def refused() -> str:
    """What is said of a wish to compile what is sharded."""
    with patch.dict(os.environ, LAMP_COMPILE="1"):
        try:
            train("fsdp")
        except LampError as error:
            return str(error)
    return ""


def main(folder: Path) -> None:
    """Train in replicas, in shards, in shards with a kill between, and on from one process's checkpoint."""
    assert "LAMP_COMPILE=1 is not for a sharded model" in refused()
    found = {"replicas": train("none")}
    found["shards"] = train("fsdp")
    with killed() as runs:
        train("fsdp", folder / "two")
    (folder / f"bytes-{rank()}.json").write_text(json.dumps(bytes_here(runs[0])))
    found["resumed"] = train("fsdp", folder / "two")
    found["from-one"] = train("fsdp", folder / "one", gradient_checkpointing=True)
    if is_first():
        for name, (model, numbers, curve) in found.items():
            save_file(state_tensors(model), folder / f"{name}.safetensors")
            (folder / f"{name}.json").write_text(json.dumps([numbers, curve]))
            model.language.save_pretrained(folder / name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with process_group(torch.device("cpu")):
        main(Path(sys.argv[1]))
