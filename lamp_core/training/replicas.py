"""How processes hold what they train together: each holds all of it, and all hold the same (DDP).

`lamp_core.training.sharding` is the other way.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lamp_core.training.distribution import is_first, is_shared, share_state
from lamp_core.training.model_files import on_cpu, state_tensors
from lamp_core.training.precision import compile_when_wanted
from lamp_core.training.tensor_files import TensorFile, Tensors, TensorStore

Module = TypeVar("Module", bound=nn.Module)


class Replicas(Generic[Module]):
    """A module that every process holds whole. The first process speaks for all.

    Args:
        module: what is trained.
    """

    store: TensorStore = TensorFile()
    """What a checkpoint's tensors are written to."""

    def __init__(self, module: Module) -> None:
        self.module = module

    @property
    def is_writer(self) -> bool:
        """Whether this process has a part in writing a checkpoint."""
        return is_first()

    @property
    def is_whole(self) -> bool:
        """Whether this process holds the whole module when the training is over."""
        return True

    def compile(self) -> None:
        """Compile the module when that is wanted."""
        compile_when_wanted(self.module)

    def speaking(self, losses: nn.Module) -> nn.Module:
        """Return the losses such that their gradient is the mean of all processes'."""
        # An objective may be off, or find nothing in a batch: then its parameters have no gradient.
        return DistributedDataParallel(losses, find_unused_parameters=True) if is_shared() else losses

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Inside, every process can compute with the module by itself; all of them come in together."""
        yield

    def weights(self) -> Tensors:
        """All weights on the CPU in the first process, none in the others; every process asks for them."""
        return state_tensors(self.module) if is_first() else {}

    def take(self, weights: Tensors) -> None:
        """Let the module hold the first process's weights, in the first process at least."""
        if is_first():
            self.module.load_state_dict(weights)

    def be_alike(self) -> None:
        """Let every process hold the weights of the first one."""
        share_state(self.module)

    def kept(self, tensors: Mapping[str, Tensor]) -> Tensors:
        """What of module, moments and average this process writes to a checkpoint."""
        return on_cpu(tensors)

    def start_moments(self, optimiser: torch.optim.Optimizer) -> None:
        """Give the optimiser moments for a checkpoint to be read into, where it is read in place."""

    def whole_module(self) -> Module:
        """Return the trained module as it was before, in the processes that hold it whole (`is_whole`)."""
        return self.module
