"""Checkpoints of a training run: safetensors and JSON, atomic, hashed; the last two and the best are kept.

A checkpoint is ``step-000700.safetensors`` (module, optimiser, average of the weights) and
``step-000700.json`` (the step, what else the run knows, the hash of the tensors, and the hash of all that).
The JSON is renamed into place last, so a checkpoint without one never counts. ``best-000600.safetensors``
holds the best weights so far; the checkpoints name it with its hash. A checkpoint that is damaged, or whose
best weights are, is passed over with a warning, and the one before is used.

Of a sharded training the tensors are a folder, ``step-000700.shards``, to which every process writes.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from lamp_core.errors import LampError
from lamp_core.io.disk import write_text
from lamp_core.training.distribution import gather_objects, is_first
from lamp_core.training.tensor_files import TensorFile, Tensors, TensorStore, remove

KEPT = 2
FILE = TensorFile()
"""One safetensors file."""
DAMAGED = (OSError, ValueError, KeyError, TypeError, SafetensorError)
"""What reading a checkpoint raises when its files are not what was written."""


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


class CheckpointWarning(UserWarning):
    """A checkpoint is damaged and passed over, or of another number of processes."""


class Checkpoints:
    """The checkpoints in a folder, which need not exist yet.

    Args:
        folder: of them.
        store: what the tensors of a step are written to; the best weights are always a file.
    """

    def __init__(self, folder: Path, store: TensorStore = FILE) -> None:
        self.folder, self.store = folder, store
        self._damaged: set[int] = set()

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and drop what is older than the last two, or was found damaged.

        Those processes call it that write tensors to the store, and the first one in any case.

        Raises:
            LampError: the disk is full; the checkpoints of before stay.
        """
        path = self._path("step", checkpoint.step)
        sha256 = self.store.write(path, checkpoint.tensors, "the checkpoint")
        if not is_first():
            return
        content = {
            "step": checkpoint.step,
            "sha256": sha256,
            "best": asdict(checkpoint.best) if checkpoint.best else None,
            "record": dict(checkpoint.record),
        }
        sealed = json.dumps({"content": content, "sha256": _seal(content)})
        write_text(path.with_suffix(".json"), sealed, "the checkpoint")
        self._damaged.discard(checkpoint.step)
        self._drop_old(checkpoint.best)

    def newest(self, held: Callable[[], Tensors] = dict) -> Checkpoint | None:
        """Return the newest intact checkpoint; None without one. Every damaged one is warned of.

        Args:
            held: the tensors of this process, which shards are read into.

        Raises:
            LampError: the processes, which all call it, do not see the same checkpoints.
        """
        files = self._records()
        names = [file.name for file in files]
        if any(others != names for others in gather_objects(names)):
            raise LampError("the processes do not see the same checkpoints; they must share the folder")
        for file in reversed(files):
            try:
                return self._read(file, held)
            except DAMAGED as error:
                self._damaged.add(_step_of(file))
                is_oldest = file == files[0]
                instead = "starting anew" if is_oldest else "going on from the one before"
                told = CheckpointWarning(f"checkpoint {file.stem} is damaged ({error}); {instead}")
                warnings.warn(told, stacklevel=2)
        return None

    def save_best(self, step: int, value: float, weights: Tensors) -> Best:
        """Write the best weights so far, beside those that a checkpoint still names.

        Raises:
            LampError: the disk is full; the checkpoints of before stay.
        """
        return Best(step, value, FILE.write(self._path("best", step), weights, "the best weights"))

    def read_best(self, best: Best) -> Tensors:
        """Return the best weights.

        Raises:
            LampError: their file is damaged.
        """
        path = self._path("best", best.step)
        try:
            FILE.check(path, best.sha256)
            return FILE.read(path, dict)
        except DAMAGED as error:
            raise LampError(
                f"the best weights in {path} are damaged ({error}); run again: it goes on from before them"
            ) from error

    def _read(self, file: Path, held: Callable[[], Tensors]) -> Checkpoint:
        content = _content(file)
        best = Best(**content["best"]) if content["best"] else None
        path = file.with_suffix(self.store.suffix)
        self.store.check(path, content["sha256"])
        if best:
            FILE.check(self._path("best", best.step), best.sha256)
        return Checkpoint(content["step"], self.store.read(path, held), best, content["record"])

    def _drop_old(self, best: Best | None) -> None:
        """Keep the last intact checkpoints with the best weights they name, and the best of now."""
        kept = [file for file in self._records() if _step_of(file) not in self._damaged][-KEPT:]
        bests = {_best_step(file) for file in kept} | {best.step if best else None}
        steps = {_step_of(file) for file in kept}
        old = [file for file in self.folder.glob("step-*") if _step_of(file) not in steps]
        old += [file for file in self.folder.glob("best-*") if _step_of(file) not in bests]
        for file in old:
            remove(file)

    def _path(self, kind: str, step: int) -> Path:
        store = self.store if kind == "step" else FILE
        return self.folder / f"{kind}-{step:06d}{store.suffix}"

    def _records(self) -> list[Path]:
        """The JSON of each checkpoint in the order of their steps, over six digits in long runs."""
        return sorted(self.folder.glob("step-*.json"), key=_step_of)


def _step_of(file: Path) -> int:
    return int(file.name.partition(".")[0].partition("-")[2])


def _best_step(file: Path) -> int | None:
    """The step of the best weights that a checkpoint names; None where it names none or is damaged."""
    try:
        best = _content(file)["best"]
    except DAMAGED:
        return None
    return int(best["step"]) if best else None


def _content(file: Path) -> dict[str, Any]:
    """What a checkpoint's JSON says.

    Raises:
        ValueError: it is not what was written.
    """
    sealed = json.loads(file.read_text())
    if _seal(sealed["content"]) != sealed["sha256"]:
        raise ValueError(f"{file.name} is not what was written")
    return dict(sealed["content"])


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
