"""A model on disk: ``model.safetensors`` and ``config.json``, nothing pickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lamp_core.errors import LampError
from lamp_core.io.disk import write_text
from lamp_core.training.tensor_files import write_tensors

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
Settings = TypeVar("Settings", bound=BaseModel)


def state_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers on the CPU, each with storage of its own."""
    return on_cpu(module.state_dict())


def on_cpu(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return copies of tensors on the CPU, each with storage of its own."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def save_model(folder: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    """Write weights and configuration into ``folder``, each by rename.

    Raises:
        LampError: the disk is full; what was there before stays.
    """
    write_tensors(folder / WEIGHTS, state_tensors(module), f"{folder.name}/{WEIGHTS}")
    text = json.dumps(dict(config), indent=2, sort_keys=True) + "\n"
    write_text(folder / CONFIG, text, f"{folder.name}/{CONFIG}")


def read_model_config(folder: Path) -> dict[str, Any]:
    """Return the configuration beside a model's weights.

    Raises:
        LampError: there is no model in ``folder``.
    """
    path = folder / CONFIG
    if not path.exists() or not (folder / WEIGHTS).exists():
        raise LampError(f"no trained model in {folder}; `lamp run --until {folder.name}` makes it")
    return dict(json.loads(path.read_text()))


def read_settings(folder: Path, kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Return the settings in a model's configuration.

    Args:
        folder: the model's; the message names it.
        kind: section of the configuration, or another set of sizes.
        values: what `read_model_config` found.

    Raises:
        LampError: an unknown or missing key, or a wrong value: the model is of another version.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise LampError(
            f"{folder / CONFIG} is of another version of this program ('{name}': {first['msg'].lower()}); "
            f"train the model again: `lamp run --until {folder.name}`"
        ) from error


def load_weights(folder: Path, module: nn.Module) -> None:
    """Load ``model.safetensors`` into ``module``; every name and shape must match.

    Raises:
        LampError: the file is missing or damaged, or was written by a model of another shape.
    """
    path = folder / WEIGHTS
    if not path.exists():
        raise LampError(f"no trained model in {folder}; `lamp run --until {folder.name}` makes it")
    try:
        module.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise LampError(
            f"{path} is damaged ({error}); `lamp run --force {folder.name}` makes it anew"
        ) from error
    except RuntimeError as error:
        raise LampError(f"{path} does not fit the model: {str(error).splitlines()[1].strip()}") from error
