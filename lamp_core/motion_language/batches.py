"""Batches of sequences of similar length that are drawn as they are needed; a function of (seed, step)."""

from collections.abc import Callable

import numpy as np

from lamp_core.config.base import Optimisation
from lamp_core.motion_language.words import length
from lamp_core.segments import Segment
from lamp_core.training.batches import BatchSampler

Sequence = list[Segment]
Draw = Callable[[int, np.random.Generator], Sequence]
"""An item and draws to a sequence: which task, which caption, which tokens are told."""


class DrawnBatches:
    """A sequence of every item an epoch, in batches of similar lengths.

    Each epoch shuffles the items. Some batches' worth of them are drawn and sorted by length together; their
    batches come in any order. No more than these are held at once.

    Args:
        count: items.
        draw: what makes a sequence of one.
        optimisation: batch, micro-batches and seed.
        together: batches that are sorted together.

    Raises:
        LampError: as `BatchSampler`.
    """

    def __init__(self, count: int, draw: Draw, optimisation: Optimisation, together: int) -> None:
        self.shuffled = BatchSampler.of(count, optimisation)
        self.draw, self.together = draw, together
        self._drawn: tuple[int, int] = (-1, -1)
        self._batches: list[list[Sequence]] = []

    def whole(self, step: int) -> list[Sequence]:
        """Return the sequences of a micro-batch, counted from 0, for all processes."""
        epoch, batch = divmod(step, self.shuffled.batches_per_epoch)
        pool, place = divmod(batch, self.together)
        if (epoch, pool) != self._drawn:
            self._drawn, self._batches = (epoch, pool), self._cut(epoch, pool)
        return self._batches[place]

    def _cut(self, epoch: int, pool: int) -> list[list[Sequence]]:
        """The batches of a pool."""
        first = epoch * self.shuffled.batches_per_epoch + pool * self.together
        count = min(self.together, self.shuffled.batches_per_epoch - pool * self.together)
        draws = np.random.default_rng([self.shuffled.seed, epoch, pool])
        items = np.concatenate([self.shuffled.whole(first + batch) for batch in range(count)])
        drawn = [self.draw(int(item), draws) for item in items]
        ordered = sorted(drawn, key=length)
        size = len(items) // count
        batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        return [batches[place] for place in draws.permutation(count)]
