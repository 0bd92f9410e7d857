"""Checkpoints of a training run: safetensors and JSON, atomic, hashed; the last two and the best are kept.

A checkpoint is ``step-000700.safetensors`` (module, optimiser, average of the weights) and
``step-000700.json`` (the step, what else the run knows, and the hash of the tensors). The JSON is renamed
into place last, so a checkpoint without one never counts. ``best-000600.safetensors`` holds the best weights
so far; the checkpoints name it with its hash. A checkpoint that is damaged, or whose best weights are, is
passed over with a warning, and the one before is used.
"""

import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lamp_core.errors import LampError

KEPT = 2
FULL = (errno.ENOSPC, errno.EDQUOT)

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Best:
    """The best weights so far, and where they are.

    Args:
        step: after which they were measured.
        value: of the monitored number.
        sha256: of their file; empty where they are in memory alone.
    """

    step: int
    value: float
    sha256: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from.

    Args:
        step: steps done.
        tensors: by name.
        best: the best weights at that time; None before the first validation.
        record: what else the run knows, as JSON holds it.
    """

    step: int
    tensors: Tensors
    best: Best | None
    record: Mapping[str, Any]


class Checkpoints:
    """The checkpoints in a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and drop what is older than the last two.

        Raises:
            LampError: the disk is full; the checkpoints of before stay.
        """
        path = self._path("step", checkpoint.step)
        content = {
            "step": checkpoint.step,
            "sha256": _write(path, checkpoint.tensors),
            "best": asdict(checkpoint.best) if checkpoint.best else None,
            "record": dict(checkpoint.record),
        }
        text = json.dumps(content)
        temporary = path.with_suffix(".json.tmp")
        with _room_for(temporary, len(text)):
            temporary.write_text(text)
            _into_place(temporary, path.with_suffix(".json"))
        self._drop_old(checkpoint.best)

    def newest(self) -> Checkpoint | None:
        """Return the newest intact checkpoint; None without one."""
        for file in reversed(self._files("step", ".json")):
            try:
                return self._read(file)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                warnings.warn(
                    f"checkpoint {file.stem} is damaged ({error}); going on from the one before", stacklevel=2
                )
        return None

    def save_best(self, step: int, value: float, weights: Tensors) -> Best:
        """Write the best weights so far, beside those that a checkpoint still names.

        Raises:
            LampError: the disk is full; the checkpoints of before stay.
        """
        return Best(step, value, _write(self._path("best", step), weights))

    def read_best(self, best: Best) -> Tensors:
        """Return the best weights.

        Raises:
            LampError: their file is damaged.
        """
        path = self._path("best", best.step)
        try:
            _check(path, best.sha256)
            return load_file(path)
        except (OSError, ValueError, SafetensorError) as error:
            raise LampError(f"the best weights in {path} are damaged; remove {self.folder}") from error

    def _read(self, file: Path) -> Checkpoint:
        content = json.loads(file.read_text())
        best = Best(**content["best"]) if content["best"] else None
        path = file.with_suffix(".safetensors")
        _check(path, content["sha256"])
        if best:
            _check(self._path("best", best.step), best.sha256)
        return Checkpoint(int(content["step"]), load_file(path), best, content["record"])

    def _drop_old(self, best: Best | None) -> None:
        """Keep the last checkpoints with the best weights they name, and the best of now."""
        kept = self._files("step", ".json")[-KEPT:]
        bests = {_best_step(file) for file in kept} | {best.step if best else None}
        steps = {_step_of(file) for file in kept}
        old = [file for file in self.folder.glob("step-*") if _step_of(file) not in steps]
        old += [file for file in self.folder.glob("best-*") if _step_of(file) not in bests]
        for file in old:
            file.unlink()

    def _path(self, kind: str, step: int) -> Path:
        return self.folder / f"{kind}-{step:06d}.safetensors"

    def _files(self, kind: str, suffix: str) -> list[Path]:
        """Files of a kind in the order of their steps, which have more than six digits in long runs."""
        return sorted(self.folder.glob(f"{kind}-*{suffix}"), key=_step_of)


def _step_of(file: Path) -> int:
    return int(file.name.partition(".")[0].partition("-")[2])


def _best_step(file: Path) -> int | None:
    """The step of the best weights that a checkpoint names; None where it names none or cannot be read."""
    try:
        return int(json.loads(file.read_text())["best"]["step"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(path: Path, tensors: Tensors) -> str:
    """Write tensors, move them into place, and return their hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with _room_for(temporary, sum(tensor.nbytes for tensor in tensors.values())):
        save_file(dict(tensors), temporary)
        digest = _digest(temporary)
        _into_place(temporary, path)
    return digest


@contextmanager
def _room_for(temporary: Path, size: int) -> Iterator[None]:
    """Turn a full disk into an error that says what is needed, and leave nothing half written."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        if not _is_full(error):
            raise
        free = shutil.disk_usage(temporary.parent).free
        raise LampError(
            f"no room for the checkpoint in {temporary.parent}: it needs {size:,} bytes, {free:,} are free; "
            "make room and run again, the checkpoints before it are kept"
        ) from error


def _is_full(error: OSError | SafetensorError) -> bool:
    """Whether a disk or a quota is full; safetensors gives the system's number in its text alone."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) for number in FULL)


def _check(path: Path, sha256: str) -> None:
    if _digest(path) != sha256:
        raise ValueError(f"{path.name} is not what was written")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _into_place(temporary: Path, path: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
