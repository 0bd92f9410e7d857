"""Batches of captions of similar length, so that little is padded."""

import numpy as np

from lamp_core.config.base import Optimisation
from lamp_core.pairs.captions import CaptionIndex
from lamp_core.training.batches import BatchSampler


class LengthBuckets:
    """A caption of every item an epoch, in batches of similar lengths; a function of (seed, step).

    Each epoch shuffles the items, draws one caption of each, sorts some batches' worth of them by length,
    cuts the batches, and shuffles their order, so that short captions do not come first.

    Args:
        lengths: word pieces of each caption, captions of an item side by side.
        captions: of each item.
        optimisation: batch, micro-batches and seed.
        together: batches that are sorted together; 1 for batches of any lengths.

    Raises:
        LampError: as `BatchSampler`.
    """

    def __init__(
        self, lengths: np.ndarray, captions: CaptionIndex, optimisation: Optimisation, together: int
    ) -> None:
        self.lengths, self.captions = np.asarray(lengths), captions
        self.shuffled = BatchSampler.of(len(captions.counts_N), optimisation)
        self.together = together
        self._epoch, self._batches = -1, np.zeros((0, 0), dtype=np.int64)

    def whole(self, step: int) -> np.ndarray:
        """Return the captions of a micro-batch, counted from 0, for all processes."""
        epoch, batch = divmod(step, self.shuffled.batches_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._cut(epoch)
        rows_B: np.ndarray = self._batches[batch]
        return rows_B

    def _cut(self, epoch: int) -> np.ndarray:
        """The batches of an epoch, captions (batches, B)."""
        size, batches = self.shuffled.batch_size, self.shuffled.batches_per_epoch
        draws = np.random.default_rng([self.shuffled.seed, epoch])
        items = draws.permutation(len(self.captions.counts_N))[: size * batches]
        captions = self.captions.draw(items, draws.integers)
        pools = np.split(captions, range(size * self.together, len(captions), size * self.together))
        ordered = [pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools]
        return np.concatenate(ordered).reshape(batches, size)[draws.permutation(batches)]
