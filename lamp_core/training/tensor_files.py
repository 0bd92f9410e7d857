"""Tensors in a file, nothing pickled."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from lamp_core.io.disk import replacing

Tensors = Mapping[str, torch.Tensor]


def write_tensors(path: Path, tensors: Tensors, what: str) -> None:
    """Write a safetensors file, by rename.

    Args:
        path: of the file; its folder is made.
        tensors: by name, on the CPU.
        what: they are, for the error.

    Raises:
        LampError: the disk is full; the file of before stays.
    """
    with replacing(path, sum(tensor.nbytes for tensor in tensors.values()), what) as temporary:
        save_file(dict(tensors), temporary)
