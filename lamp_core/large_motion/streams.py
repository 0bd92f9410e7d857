"""Sequences of several kinds of clips, each kind as often as its weight says; a function of (seed, step).

A kind has a stream of its own, an endless order in which each of its items comes once an epoch, whether they
are in memory or in shards.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from lamp_core.config.base import Optimisation
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.words import length
from lamp_core.segments import Segment
from lamp_core.tokens.shards import StoredItem
from lamp_core.tokens.stream import ShardStream, apportioned
from lamp_core.training.batches import BatchSampler

Spoken = list[Segment]
Make = Callable[[SpokenMotion, np.random.Generator], Spoken]
"""An item and draws to a sequence: which captions."""


class Stream(Protocol):
    """Items of one kind in an endless order, anywhere in which one can begin."""

    @property
    def count(self) -> int:
        """Items of an epoch."""

    def items(self, first: int, count: int) -> Sequence[SpokenMotion]:
        """The items at some places of the order, counted from 0."""


Kinds = Sequence[tuple[Stream, float]]
"""The stream of each kind, and its weight above 0."""


class MemoryStream:
    """Items in memory, shuffled anew each epoch.

    Args:
        motions: at least one.
        seed: of the order.
        kind: number of the kind, so that kinds of as many items have orders of their own.
    """

    def __init__(self, motions: Sequence[SpokenMotion], seed: int, kind: int) -> None:
        self.motions, self.seed, self.kind = motions, seed, kind
        self._epoch, self._order = -1, np.arange(0)

    @property
    def count(self) -> int:
        """Items of an epoch."""
        return len(self.motions)

    def items(self, first: int, count: int) -> list[SpokenMotion]:
        """The items at some places of the order, counted from 0."""
        return [self.motions[self._at(place)] for place in range(first, first + count)]

    def _at(self, place: int) -> int:
        epoch, row = divmod(place, self.count)
        if epoch != self._epoch:
            draws = np.random.default_rng([self.seed, epoch, self.kind])
            self._epoch, self._order = epoch, draws.permutation(self.count)
        return int(self._order[row])


class SpokenShards:
    """The items of a stream of shards, as they are trained on.

    Args:
        stream: that reads them.
        spoken: of a stored item.
    """

    def __init__(self, stream: ShardStream, spoken: Callable[[StoredItem], SpokenMotion]) -> None:
        self.stream, self.spoken = stream, spoken

    @property
    def count(self) -> int:
        """Items of an epoch."""
        return self.stream.count

    def items(self, first: int, count: int) -> list[SpokenMotion]:
        """The items at some places of the order, counted from 0."""
        return [self.spoken(item) for item in self.stream.items(first, count)]


class StreamedBatches:
    """Sequences of the items that come next of each kind, in the order of their lengths.

    Args:
        kinds: at least one.
        make: a sequence of an item.
        optimisation: batch, micro-batches and seed.

    Raises:
        LampError: as `BatchSampler`.
    """

    def __init__(self, kinds: Kinds, make: Make, optimisation: Optimisation) -> None:
        self.streams = [stream for stream, _ in kinds]
        self.make, self.seed = make, optimisation.seed
        weights = [weight for _, weight in kinds]
        self.shares = [weight / sum(weights) for weight in weights]
        count = sum(stream.count for stream in self.streams)
        self.size = BatchSampler.of(count, optimisation).batch_size

    def whole(self, step: int) -> list[Spoken]:
        """The sequences of a micro-batch, for all processes."""
        draws = np.random.default_rng([self.seed, step])
        firsts = apportioned(step * self.size, self.shares)
        ends = apportioned((step + 1) * self.size, self.shares)
        parts = zip(self.streams, firsts, ends, strict=True)
        items = [item for stream, first, end in parts for item in stream.items(first, end - first)]
        return sorted((self.make(item, draws) for item in items), key=length)


class MadeAhead:
    """Batches of which the next one is made while the one before is trained on.

    Args:
        batches: asked by the helper alone.
        helper: of one thread.
    """

    def __init__(self, batches: StreamedBatches, helper: ThreadPoolExecutor) -> None:
        self._batches, self._helper = batches, helper
        self._made: dict[int, Future[list[Spoken]]] = {}

    def whole(self, step: int) -> list[Spoken]:
        """The sequences of a micro-batch, for all processes."""
        asked = self._made.pop(step, None) or self._helper.submit(self._batches.whole, step)
        found = asked.result()
        self._made = {step + 1: self._helper.submit(self._batches.whole, step + 1)}
        return found


@contextmanager
def made_ahead(batches: StreamedBatches) -> Iterator[MadeAhead]:
    """The same batches, the next one made in a thread that ends with the block."""
    with ThreadPoolExecutor(1, "batches") as helper:
        yield MadeAhead(batches, helper)
