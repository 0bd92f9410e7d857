"""The trained model that a command asks for: by capability, and by name where several have it."""

from pathlib import Path
from typing import Any

import torch

from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import chosen_model


def loaded(data: Path, capability: str, name: str | None = None, device: torch.device | None = None) -> Any:
    """Load the model of this name, or the first that has the capability; LampError as `chosen_model`."""
    return chosen_model(MODELS, data, capability, name).load(data, device or torch.device("cpu"))
