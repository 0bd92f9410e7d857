"""Order of training: which items are a batch, as a function of (seed, step).

It has no history: step 700 is of the same items whether the run came there in one go or was resumed at 650,
and however many processes share it.
"""

import numpy as np

from lamp_core.config.models import Optimisation
from lamp_core.errors import LampError
from lamp_core.training.distribution import share, world_size


class BatchSampler:
    """Batches of indices: a new shuffle every epoch, the last incomplete batch dropped.

    Args:
        count: items in the set; a set smaller than a batch gives batches of the whole set.
        batch_size: items a batch, over all processes.
        seed: of the shuffles.

    Raises:
        LampError: the processes cannot have equally many items of a batch.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        if count < 1:
            raise ValueError("a sampler needs at least one item")
        processes = world_size()
        if batch_size % processes or count < processes:
            raise LampError(
                f"{processes} processes cannot share batches of {batch_size} from {count} items equally; "
                "start fewer, or change batch_size"
            )
        self.count = count
        self.batch_size = min(batch_size, count // processes * processes)
        self.seed = seed
        self._epoch, self._order = -1, np.arange(0)

    @classmethod
    def of(cls, count: int, optimisation: Optimisation) -> "BatchSampler":
        """The sampler of a training's micro-batches."""
        return cls(count, optimisation.batch_size // optimisation.accumulate, optimisation.seed)

    @property
    def batches_per_epoch(self) -> int:
        """Batches in one pass over the set."""
        return self.count // self.batch_size

    def whole(self, step: int) -> np.ndarray:
        """Return the item indices of a micro-batch, counted from 0, for all processes."""
        epoch, batch = divmod(step, self.batches_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def indices(self, step: int) -> np.ndarray:
        """Return this process's share of a micro-batch."""
        return share(self.whole(step))


def in_order(count: int, batch_size: int) -> list[np.ndarray]:
    """Every index once, in as few batches of nearly equal size as there can be: what validation measures."""
    return np.array_split(np.arange(count), -(-count // batch_size))
