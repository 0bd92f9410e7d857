"""Training of a module that no process holds whole: torch's FSDP2.

Between steps a process holds some rows of every parameter, and of its gradient, moments and average. A block
is gathered when it is computed, forwards and again backwards, and given up behind it, so that what is whole
at a time is one block, and what stands around the blocks. The steps are those of replicas up to rounding.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_model_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from lamp_core.errors import LampError
from lamp_core.training.distribution import is_first, is_shared, share_state, world_size
from lamp_core.training.precision import is_compiling_wanted
from lamp_core.training.replicas import Module, Replicas
from lamp_core.training.shard_folder import ShardFolder
from lamp_core.training.tensor_files import Tensors, TensorStore


class Shards(Replicas[Module]):
    """A module of which every process holds a shard, or, alone, all; the checkpoints fit any number of them.

    Args:
        module: what is trained, changed in place; its forward pass begins with its own `forward`.
        blocks: of the module, gathered one at a time.

    Raises:
        LampError: ``LAMP_COMPILE`` asks to compile what is sharded.
    """

    store: TensorStore = ShardFolder()

    def __init__(self, module: Module, blocks: Sequence[nn.Module]) -> None:
        super().__init__(module)
        self.is_sharded = is_shared()
        if not self.is_sharded:
            return
        if is_compiling_wanted():
            raise LampError("LAMP_COMPILE=1 is not for a sharded model; unset it, or set sharding to none")
        self.device = next(module.parameters()).device
        share_state(module)
        self._empty = _with_parameters(module, lambda parameter: torch.empty_like(parameter, device="meta"))
        mesh = init_device_mesh(self.device.type, (world_size(),))
        for block in blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(module, mesh=mesh)

    @property
    def is_writer(self) -> bool:
        """Every process writes its shard."""
        return True

    @property
    def is_whole(self) -> bool:
        """The first process, where there are others."""
        return is_first()

    def compile(self) -> None:
        """Compile the module, unless it is sharded."""
        if not self.is_sharded:
            super().compile()

    def speaking(self, losses: nn.Module) -> nn.Module:
        """Return the losses as they are: the module's own hooks speak."""
        return losses

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Inside, every process holds all weights: it needs room for them, beside its shards of the rest."""
        if not self.is_sharded:
            yield
            return
        parts: list[Any] = [part for part in self.module.modules() if isinstance(part, FSDPModule)]
        for part in parts:
            part.set_reshard_after_forward(False, recurse=False)
            part.unshard()
        try:
            yield
        finally:
            for part in parts:
                part.reshard()
                part.set_reshard_after_forward(part is not self.module, recurse=False)
            root = parts[0]  # the module itself
            root.reset_iter_state()  # a pass of one process alone must not change what it gathers ahead

    def weights(self) -> Tensors:
        """All weights on the CPU in the first process, gathered one by one."""
        if not self.is_sharded:
            return super().weights()
        found = {}
        for name, tensor in self.module.state_dict().items():
            whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            if is_first():
                found[name] = whole.detach().cpu().clone().contiguous()
        return found

    def take(self, weights: Tensors) -> None:
        """Let every process hold its shard of the first one's weights."""
        if not self.is_sharded:
            super().take(weights)
            return
        options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
        set_model_state_dict(self.module, dict(weights), options=options)

    def be_alike(self) -> None:
        """No two processes hold the same."""

    def kept(self, tensors: Mapping[str, Tensor]) -> Tensors:
        """The tensors as they are: a shard each."""
        return tensors

    def start_moments(self, optimiser: torch.optim.Optimizer) -> None:
        """Give the optimiser moments of zero, which a checkpoint is read into."""
        get_optimizer_state_dict(self.module, optimiser)

    def whole_module(self) -> Module:
        """Return a plain module of all weights in the first process; the others keep their shards."""
        if not self.is_sharded:
            return self.module
        weights = self.weights()
        if not is_first():
            return self.module
        whole = _with_parameters(
            self._empty, lambda parameter: torch.empty_like(parameter, device=self.device)
        )
        whole.load_state_dict(weights)
        return whole.train(self.module.training)


def _with_parameters(module: Module, made: Callable[[Tensor], Tensor]) -> Module:
    """A copy of a module with other parameters; those that are one parameter stay one."""
    others = {
        id(parameter): nn.Parameter(made(parameter.detach()), parameter.requires_grad)
        for parameter in module.parameters()
    }
    return deepcopy(module, others)
