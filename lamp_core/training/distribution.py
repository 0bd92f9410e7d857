"""Training in several processes, and what they tell each other.

torchrun starts the processes; each trains on its share of every batch, so that together they do what one
process does with the whole batch. Without a process group all of this is the one process's own: a share is
the whole, a sum over the processes is the number itself.

Rows of a batch are dealt like cards: process r of w has rows r, r + w, r + 2 w, and so on.
Shapes: N rows of a process, W rows of all of them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

Rows = TypeVar("Rows", bound=Sequence[Any] | np.ndarray | Tensor)

_alone: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def process_group(device: torch.device, *, even_alone: bool = False) -> Iterator[None]:
    """Join the processes that torchrun started, with nccl on CUDA and gloo elsewhere; one joins nothing.

    Args:
        device: of this process.
        even_alone: whether one process that torchrun started is a group too, and trains as one of several:
            what can be tried of DDP and FSDP with one card.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 and not even_alone:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        leave_group()


def leave_group() -> None:
    """Say good-bye to the other processes, if there are any: from here on this one is alone."""
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this process speaks with no other and has whole batches: what the first one does by itself."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def is_shared() -> bool:
    """Whether this process trains in a group: with others, or as the one of a group of one."""
    return dist.is_initialized() and not _alone.get()


def world_size() -> int:
    """Processes that train together."""
    return dist.get_world_size() if is_shared() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if is_shared() else 0


def is_first() -> bool:
    """Whether this is the process that writes: outputs, checkpoints, logs."""
    return rank() == 0


def share_slice() -> slice:
    """The rows of a whole batch that are this process's."""
    return slice(rank(), None, world_size())


def share(rows: Rows) -> Rows:
    """This process's rows of a whole batch."""
    return rows[share_slice()]  # type: ignore[return-value]


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum over the processes, without gradient; the argument stays as it is."""
    if not is_shared():
        return values
    total = values.detach().clone().contiguous()
    dist.all_reduce(total)
    return total


def shared_mean(total: Tensor, count: Tensor) -> Tensor:
    """A mean whose total and count are spread over the processes, and are not equally many in each.

    The mean over the processes of what each of them gets is the mean over all; so are their gradients, which
    DDP averages.

    Args:
        total: sum of this process's values, with gradient.
        count: how many they are; where there are none at all, the mean is 0.
    """
    return total * world_size() / all_reduce_sum(count).clamp(min=1)


def gather_rows(rows_N: Tensor) -> Tensor:
    """Rows of all processes in the order of the whole batch, with gradient to those of this one.

    Every process must have equally many, of equal shape.

    Returns:
        (W, ...) for (N, ...).
    """
    if not is_shared():
        return rows_N
    gathered: Tensor = _Gather.apply(rows_N)  # type: ignore[no-untyped-call]
    return gathered


def gather_objects(value: Any) -> list[Any]:
    """What every process has, in all of them, by their numbers; no one goes on before the last has come."""
    if not is_shared():
        return [value]
    found = [None] * world_size()
    dist.all_gather_object(found, value)
    return found


def first_says(value: float) -> float:
    """The first process's number, in all of them."""
    if not is_shared():
        return value
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    told = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(told, src=0)
    return float(told)


def share_state(module: nn.Module) -> None:
    """Let the module hold in every process what it holds in the first."""
    if is_shared():
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, src=0)


class _Gather(torch.autograd.Function):
    """All-gather whose backward pass sums what every process has against this one's rows."""

    @staticmethod
    def forward(context: Any, rows_N: Tensor) -> Tensor:
        parts = [torch.empty_like(rows_N) for _ in range(world_size())]
        dist.all_gather(parts, rows_N.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return share(all_reduce_sum(gradients[0])).contiguous()
