"""A model as the catalogue declares it, and which of them a project has trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamp_core.errors import LampError

if TYPE_CHECKING:
    import torch

Load = Callable[[Path, "torch.device"], Any]
"""A project's data folder and a device to what has the capabilities."""


@dataclass(frozen=True)
class Model:
    """A model.

    Args:
        name: in tables and for ``--model``.
        stage: whose output is there when the model has been trained.
        capabilities: of `CAPABILITIES`; what `load` returns has the protocol of each.
        load: loads it with all that it needs. It imports the model's package when it is called, so that
            nothing of another model is loaded.
        made_of: stages whose outputs it consists of; it does other things when one of them changes.
        evaluates_as: label of the evaluator that it is too; empty where it measures no others.
    """

    name: str
    stage: str
    capabilities: tuple[str, ...]
    load: Load
    made_of: tuple[str, ...]
    evaluates_as: str = ""

    def is_trained(self, data: Path) -> bool:
        """Whether the stage has written below a project's data folder."""
        folder = data / self.stage
        return folder.is_dir() and any(folder.iterdir())  # one that others show is made empty


def with_capability(models: Sequence[Model], capability: str) -> list[Model]:
    """The models that can do it, in the catalogue's order."""
    return [model for model in models if capability in model.capabilities]


def trained_models(models: Sequence[Model], data: Path, capability: str) -> list[Model]:
    """The models that can do it and that the project has trained.

    Raises:
        LampError: there is none; it says what trains one.
    """
    able = with_capability(models, capability)
    found = [model for model in able if model.is_trained(data)]
    if not found:
        known = " or ".join(f"`lamp run --until {model.stage}` trains {model.name}" for model in able)
        raise LampError(f"{data} has no trained model that can {capability}; {known or 'none can'}")
    return found


def chosen_model(models: Sequence[Model], data: Path, capability: str, name: str | None = None) -> Model:
    """The trained model of this name, or the first one that can do it.

    Raises:
        LampError: none is trained, or none of this name; the known ones are named.
    """
    found = trained_models(models, data, capability)
    if name is None:
        return found[0]
    for model in found:
        if model.name.lower() == name.lower():
            return model
    known = ", ".join(model.name for model in found)
    raise LampError(f"no trained model '{name}' can {capability}; those that can: {known}")
