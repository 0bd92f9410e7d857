"""Precision and compilation: how the same steps are computed, not what they mean.

``LAMP_PRECISION`` is ``auto`` (bfloat16 autocast on a CUDA device that has it, float32 elsewhere),
``float32`` or ``bfloat16``. Weights, gradients and optimiser stay float32; so does validation.
``LAMP_COMPILE=1`` lets torch.compile fuse the networks' kernels.
"""

import os
from collections.abc import Iterator

import torch
from torch import nn

from lamp_core.errors import LampError

PRECISIONS = ("auto", "float32", "bfloat16")


def is_bfloat16(device: torch.device) -> bool:
    """Whether training on this device computes in bfloat16.

    Raises:
        LampError: ``LAMP_PRECISION`` is no precision, or one that the device has not.
    """
    wanted = os.environ.get("LAMP_PRECISION") or "auto"
    if wanted not in PRECISIONS:
        raise LampError(f"LAMP_PRECISION={wanted} is no precision; use {', '.join(PRECISIONS)}")
    has_it = device.type != "cuda" or torch.cuda.is_bf16_supported()
    if wanted == "bfloat16" and not has_it:
        raise LampError(f"LAMP_PRECISION=bfloat16: {torch.cuda.get_device_name(device)} does not have it")
    return wanted == "bfloat16" or (wanted == "auto" and device.type == "cuda" and has_it)


def autocast(device: torch.device) -> torch.autocast:
    """The forward pass of a training step in the wanted precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16(device))


def full_precision(device: torch.device) -> torch.autocast:
    """Inside, everything is float32, whatever the training's precision."""
    return torch.autocast(device.type, enabled=False)


def is_compiling_wanted() -> bool:
    """Whether ``LAMP_COMPILE`` is 1.

    Raises:
        LampError: it is neither 0 nor 1.
    """
    wanted = os.environ.get("LAMP_COMPILE") or "0"
    if wanted not in ("0", "1"):
        raise LampError(f"LAMP_COMPILE={wanted} is neither 0 nor 1")
    return wanted == "1"


def compile_when_wanted(module: nn.Module) -> None:
    """Compile the networks of a module in place when ``LAMP_COMPILE`` is 1; the names of its weights stay.

    Raises:
        LampError: ``LAMP_COMPILE`` is neither 0 nor 1.
    """
    if is_compiling_wanted():
        for network in _networks(module):
            network.compile()


def _networks(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules that are called and are more than one layer."""
    is_called = type(module).forward is not nn.Module.forward
    if is_called and any(True for _ in module.children()):
        yield module
    elif not is_called:
        for child in module.children():
            yield from _networks(child)
