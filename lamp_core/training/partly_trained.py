"""Models of which a part is trained: an adapter, a projection, some rows of an embedding."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class PartlyTrained(nn.Module):
    """A module whose state is that of its trained parameters alone; what is frozen comes from elsewhere."""

    def note_trained(self) -> None:
        """Take the parameters that want gradients now for those that are trained."""
        self._trained = {name for name, parameter in self.named_parameters() if parameter.requires_grad}

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the trained parameters alone."""
        parameters = self.named_parameters()
        return {name: parameter.data for name, parameter in parameters if name in self._trained}

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Take the trained parameters; every name must match.

        Raises:
            RuntimeError: names are missing or unknown.
        """
        parameters = {name: value for name, value in self.named_parameters() if name in self._trained}
        if different := sorted(set(state_dict) ^ set(parameters)):
            raise RuntimeError(f"the trained parameters differ:\n{', '.join(different)}")
        for name, parameter in parameters.items():
            parameter.copy_(state_dict[name])
