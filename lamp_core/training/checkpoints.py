"""Checkpoints of a training run: safetensors and JSON, atomic, hashed, the last two kept.

A checkpoint is ``step-000700.safetensors`` (module and optimiser) and ``step-000700.json`` (step, the losses
that are not logged yet, and the hash of the tensors). The JSON is renamed into place last, so a checkpoint
without one never counts; one whose hash does not match is passed over with a warning, and the one before is
used.
"""

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lamp_core.training.models import state_tensors

KEPT = 2
MODULE = "module."
OPTIMISER = "optimiser."


def save_checkpoint(
    folder: Path, step: int, module: nn.Module, optimiser: torch.optim.Optimizer, log: dict[str, Any]
) -> None:
    """Write the state after ``step`` steps and drop all but the last two checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {MODULE + name: tensor for name, tensor in state_tensors(module).items()}
    tensors |= _optimiser_tensors(optimiser)
    path = folder / f"step-{step:06d}.safetensors"
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary)
    digest = _digest(temporary)
    _into_place(temporary, path)
    record = path.with_suffix(".json.tmp")
    record.write_text(json.dumps({"step": step, "sha256": digest, "log": log}))
    _into_place(record, path.with_suffix(".json"))
    for old in _records(folder)[:-KEPT]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def load_checkpoint(
    folder: Path, module: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Any]]:
    """Restore the newest intact checkpoint; return its step and log (0 and nothing without one)."""
    for record in reversed(_records(folder)):
        path = record.with_suffix(".safetensors")
        content = json.loads(record.read_text())
        if not path.exists() or _digest(path) != content["sha256"]:
            warnings.warn(f"checkpoint {path.name} is damaged; going on from the one before", stacklevel=2)
            continue
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            warnings.warn(f"checkpoint {path.name} cannot be read ({error})", stacklevel=2)
            continue
        module.load_state_dict(
            {name.removeprefix(MODULE): value for name, value in tensors.items() if name.startswith(MODULE)}
        )
        _restore_optimiser(optimiser, tensors)
        return int(content["step"]), dict(content["log"])
    return 0, {}


def _records(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.json")) if folder.exists() else []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _into_place(temporary: Path, path: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{OPTIMISER}{index}.{key}": value.detach().cpu().clone().contiguous()
        for index, state in optimiser.state_dict()["state"].items()
        for key, value in state.items()
    }


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMISER):
            index, key = name.removeprefix(OPTIMISER).split(".", 1)
            state.setdefault(int(index), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
