"""The trained model that a command asks for: by capability, and by name where several have it."""

from pathlib import Path
from typing import Any

import torch

from lamp_core.remarks import remark
from lamp_core.systems.capabilities import ReadsPrompts
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import chosen_model


def loaded(data: Path, capability: str, name: str | None = None, device: torch.device | None = None) -> Any:
    """Load the model of this name, or the first that has the capability; LampError as `chosen_model`."""
    return chosen_model(MODELS, data, capability, name).load(data, device or torch.device("cpu"))


def say_what_is_lost(model: Any, prompt: str) -> None:
    """Say, once, how many of a prompt's words the model's text encoder does not know, and what it cuts."""
    for line in model.losses(prompt) if isinstance(model, ReadsPrompts) else ():
        remark(line)
