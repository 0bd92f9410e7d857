"""What a device can do at most, and what a training step asks of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.models import matrix_rate, seconds_of, wait

CARD_MATRIX, CPU_MATRIX = 8192, 512
CARD_BYTES, CPU_BYTES = 2**31, 2**26
ROUNDS = 5
FIRST_TIMED, LAST_TIMED, COUNTED = 3, 6, 7
"""Steps: those before warm up, and the one that is counted is not timed."""
CLOCKED_STEPS = 8


@dataclass(frozen=True)
class Limits:
    """What a device does a second.

    Args:
        float32: floating-point operations of a matrix product in float32.
        tf32: the same with the inputs rounded to TF32; 0 where the device has none.
        bfloat16: the same in bfloat16.
        memory: bytes read and written by a copy.
    """

    float32: float
    tf32: float
    bfloat16: float
    memory: float

    @classmethod
    def measured(cls, device: torch.device) -> "Limits":
        """Of this device, now."""
        size = CPU_MATRIX if device.type == "cpu" else CARD_MATRIX
        before = torch.backends.cuda.matmul.allow_tf32
        try:
            torch.backends.cuda.matmul.allow_tf32 = False
            float32 = matrix_rate(device, torch.float32, size, ROUNDS)
            torch.backends.cuda.matmul.allow_tf32 = True
            tf32 = 0.0 if device.type == "cpu" else matrix_rate(device, torch.float32, size, ROUNDS)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
        return cls(float32, tf32, matrix_rate(device, torch.bfloat16, size, ROUNDS), _memory_rate(device))

    @classmethod
    def read(cls, file: Path) -> "Limits | None":
        """What was written; None where nothing was."""
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def write(self, file: Path) -> None:
        """Write them down for other checks."""
        file.write_text(json.dumps(asdict(self)))

    def seconds(self, work: "Work", *, is_bfloat16: bool) -> float:
        """The least that the work can take: its arithmetic or its memory traffic, whichever is longer."""
        rate = self.bfloat16 if is_bfloat16 else self.float32
        return max(work.operations / rate, work.bytes_moved / self.memory)


def _memory_rate(device: torch.device) -> float:
    count = CPU_BYTES if device.type == "cpu" else CARD_BYTES
    source, target = (torch.zeros(count, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * count / min(seconds_of(lambda: target.copy_(source), device) for _ in range(ROUNDS))


@dataclass(frozen=True)
class Work:
    """What a training step is made of.

    Args:
        operations: floating-point operations of its matrix products, convolutions and attentions.
        bytes_moved: that its operations read and write, each by itself, as they run uncompiled.
    """

    operations: float
    bytes_moved: float


class WorkCounter:
    """Counts the work between `begin` and `end`."""

    def __init__(self) -> None:
        self._flops, self._traffic, self._held = FlopCounterMode(display=False), Traffic(), ExitStack()

    def begin(self) -> None:
        """Count from here on."""
        self._held.enter_context(self._flops)
        self._held.enter_context(self._traffic)

    def end(self) -> Work:
        """Return what was counted."""
        self._held.close()
        return Work(float(self._flops.get_total_flops()), float(self._traffic.bytes_moved))


class Traffic(TorchDispatchMode):
    """Adds up the bytes of what operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_moved = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes_moved += sum(map(_bytes, tree_leaves((args, kwargs, made))))
        return made


def _bytes(value: object) -> int:
    """Bytes of a tensor's elements, those that are repeated without being there counted once."""
    if not isinstance(value, Tensor):
        return 0
    return min(value.numel() * value.element_size(), value.untyped_storage().nbytes())


class StepClock:
    """Told the progress of a stage, times the steps of its first training and counts the work of one.

    Args:
        device: that trains.
        steps: of the training; other progress is not looked at.
    """

    def __init__(self, device: torch.device, steps: int = CLOCKED_STEPS) -> None:
        self.device, self.steps = device, steps
        self.seconds_a_step: float | None = None
        self.work: Work | None = None
        self._counter = WorkCounter()
        self._began = 0.0

    def __call__(self, done: int, total: int, text: str) -> None:
        if total != self.steps or self.work:
            return
        act: Callable[[], None] | None = {
            FIRST_TIMED - 1: self._start,
            LAST_TIMED: self._stop,
            COUNTED: self._count,
        }.get(done)
        if act:
            act()

    def _start(self) -> None:
        wait(self.device)
        self._began = perf_counter()

    def _stop(self) -> None:
        wait(self.device)
        self.seconds_a_step = (perf_counter() - self._began) / (LAST_TIMED - FIRST_TIMED + 1)
        self._counter.begin()

    def _count(self) -> None:
        self.work = self._counter.end()
