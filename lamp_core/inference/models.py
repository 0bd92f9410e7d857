"""The trained model that a command asks for: by capability, and by name where several have it."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from lamp_core.errors import LampError
from lamp_core.io.kept import kept
from lamp_core.remarks import remark
from lamp_core.systems.capabilities import ReadsPrompts
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import Model, chosen_model

LONGEST_REASON = 200


def loaded(data: Path, capability: str, name: str | None = None, device: torch.device | None = None) -> Any:
    """The model of this name, or the first that has the capability; LampError as `chosen_model`.

    It stays in memory, and is loaded anew when a file that it is made of has changed.
    """
    model, place = chosen_model(MODELS, data, capability, name), device or torch.device("cpu")
    folders = [data / stage for stage in dict.fromkeys((*model.made_of, model.stage, "features"))]
    return kept((data.resolve(), model.name, place), folders, lambda: _read(model, data, place))


def _read(model: Model, data: Path, device: torch.device) -> Any:
    """Load a model; LampError for files that are damaged or do not belong together."""
    try:
        return model.load(data, device)
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        remedy = f"`lamp run --force {model.stage}` makes it anew"
        raise LampError(
            f"{model.name} in {data / model.stage} cannot be loaded ({reason}); {remedy}"
        ) from error


def say_what_is_lost(model: Any, prompt: str) -> None:
    """Say, once, how many of a prompt's words the model's text encoder does not know, and what it cuts."""
    for line in model.losses(prompt) if isinstance(model, ReadsPrompts) else ():
        remark(line)
