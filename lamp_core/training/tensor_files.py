"""Tensors in a file, nothing pickled."""

import hashlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lamp_core.io.disk import replacing

Tensors = Mapping[str, torch.Tensor]


class TensorStore(ABC):
    """A kind of files for the tensors of a checkpoint."""

    suffix: str

    @abstractmethod
    def write(self, path: Path, tensors: Tensors, what: str) -> str:
        """Write tensors, by rename, and return their hash.

        Args:
            path: of the file or folder.
            tensors: by name.
            what: they are, for the error.

        Raises:
            LampError: the disk is full; what was there before stays.
        """

    @abstractmethod
    def check(self, path: Path, sha256: str) -> None:
        """Raise ValueError or OSError when it is not what was written."""

    @abstractmethod
    def read(self, path: Path, held: Callable[[], Tensors]) -> Tensors:
        """Return the tensors.

        Args:
            path: of the file or folder.
            held: the tensors that this process has, which are read into where that saves memory.
        """


class TensorFile(TensorStore):
    """A safetensors file, which one process writes and any reads."""

    suffix = ".safetensors"

    def write(self, path: Path, tensors: Tensors, what: str) -> str:
        """Write the file; its tensors are on the CPU."""
        write_tensors(path, tensors, what)
        return digest(path)

    def check(self, path: Path, sha256: str) -> None:
        """Raise ValueError or OSError when it is not what was written."""
        if digest(path) != sha256:
            raise ValueError(f"{path.name} is not what was written")

    def read(self, path: Path, held: Callable[[], Tensors]) -> Tensors:
        """Return the tensors; those that are held stay as they are."""
        return load_file(path)


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


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
