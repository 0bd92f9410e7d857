"""A linear layer that is faster in inference on the CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 128
"""Rows that the layout of a packed weight is chosen for; any number can be multiplied."""


class Linear(nn.Linear):
    """`nn.Linear`; without gradients on the CPU, its weight is brought into oneDNN's layout once.

    The library that eager torch multiplies with brings the weight into its own layout at every call, which
    is a sixth of the time for the hundred rows of a motion. torch.compile packs in the same way. A weight
    that has changed since is packed again. Parameters are those of `nn.Linear`.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self._packed: Tensor | None = None
        self._packed_of: tuple[int, int] | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input @ weight.T + bias``."""
        packed = self._pack(input)
        if packed is None:
            return F.linear(input, self.weight, self.bias)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(input, packed, self.bias, "none", [], "")
        return result

    def _pack(self, input: Tensor) -> Tensor | None:
        """Return the packed weight; None where it does not serve, and the memory of an old one is freed."""
        if torch.is_grad_enabled() or not _can_pack(input):
            self._packed = self._packed_of = None
            return None
        current = (self.weight.data_ptr(), self.weight._version)
        if self._packed_of != current:
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach(), ROWS)
            self._packed_of = current
        return self._packed

    def __getstate__(self) -> dict[str, object]:
        """Copies and pickles pack anew."""
        state: dict[str, object] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {**state, "_packed": None, "_packed_of": None}


def _can_pack(values: Tensor) -> bool:
    return (
        values.device.type == "cpu"
        and values.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
