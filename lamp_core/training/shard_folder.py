"""Tensors of several processes in a folder: a safetensors file a process, by torch's distributed checkpoint.

Any number of processes reads what any number has written, each what it holds.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from lamp_core.errors import LampError
from lamp_core.io.disk import TEMPORARY, is_full, no_room, sync
from lamp_core.training.distribution import gather_objects, is_first, share
from lamp_core.training.tensor_files import Tensors, TensorStore, digest, remove


class ShardFolder(TensorStore):
    """A folder that every process writes its shards of the tensors to, and reads its own from.

    All its methods are called by all processes, with tensors of the same names.
    """

    suffix = ".shards"

    def write(self, path: Path, tensors: Tensors, what: str) -> str:
        """Write the folder, by rename, and return its hash.

        Raises:
            LampError: the disk is full; the folder of before stays.
        """
        temporary = path.with_name(path.name + TEMPORARY)
        if is_first():
            remove(temporary)
        gather_objects(None)  # nobody writes before it is gone
        writer = HuggingFaceStorageWriter(str(temporary), save_distributed=True)
        try:
            with _alone_as_well():
                save(_each_once(tensors), storage_writer=writer)
        except CheckpointException as error:
            causes = [cause for cause, _ in error.failures.values()]
            if not any(map(is_full, causes)):
                raise causes[0] from error
            raise no_room(path.parent, what, 0) from error
        found = _hash_of(temporary)
        if is_first():
            sync(temporary)
            remove(path)
            os.replace(temporary, path)
            sync(path.parent)
        return found

    def check(self, path: Path, sha256: str) -> None:
        """Raise ValueError when the folder is not what was written."""
        if _hash_of(path) != sha256:
            raise ValueError(f"{path.name} is not what was written")

    def read(self, path: Path, held: Callable[[], Tensors]) -> Tensors:
        """Read into the tensors that this process holds, and return these.

        Raises:
            LampError: the files have not the tensors that are held.
        """
        tensors = held()
        try:
            with _alone_as_well():
                load(_each_once(tensors), storage_reader=HuggingFaceStorageReader(str(path)))
        except CheckpointException as error:
            cause, _ = next(iter(error.failures.values()))
            raise LampError(f"{path} does not fit the model: {cause}") from error
        return tensors


@contextmanager
def _alone_as_well() -> Iterator[None]:
    """Inside, torch does not warn of a process that has no others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        yield


def _each_once(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors without second names of the same one (tied weights)."""
    names: dict[int, str] = {}
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), name)
    return {name: tensors[name].detach() for name in names.values()}


def _hash_of(folder: Path) -> str:
    """One hash of the names and contents of all files; each process reads its share of them."""
    names = gather_objects(sorted(path.name for path in folder.iterdir()))[0]
    parts = gather_objects({name: _digest(folder / name) for name in share(names)})
    hashes = {name: found for part in parts for name, found in part.items()}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    """Hash of a file; empty where it cannot be read, since the other processes wait for an answer."""
    try:
        return digest(path)
    except OSError:
        return ""
