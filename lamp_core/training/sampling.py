"""Order and randomness of training, as functions of (seed, step).

Nothing random has a history: step 700 draws the same batch, crops, masks and dropout whether the run came
there in one go or was resumed at 650. That is what makes a resumed run equal to an uninterrupted one.
"""

import random

import numpy as np
import torch


def seed_everything(*parts: int) -> None:
    """Seed every generator (Python, NumPy, torch on all devices) from the given numbers."""
    seed = int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)


class BatchSampler:
    """Batches of indices: a new shuffle every epoch, the last incomplete batch dropped.

    Args:
        count: items in the set; a set smaller than a batch gives batches of the whole set.
        batch_size: items a batch.
        seed: of the shuffles.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        if count < 1:
            raise ValueError("a sampler needs at least one item")
        self.count = count
        self.batch_size = min(batch_size, count)
        self.seed = seed

    @property
    def batches_per_epoch(self) -> int:
        """Batches in one pass over the set."""
        return self.count // self.batch_size

    def indices(self, step: int) -> np.ndarray:
        """Return the item indices of a step, counted from 0."""
        epoch, batch = divmod(step, self.batches_per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return order[batch * self.batch_size : (batch + 1) * self.batch_size]
