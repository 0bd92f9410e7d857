"""Items of sharded Parquet in an endless order, a few shards in memory; a function of (seed, position).

Each epoch shuffles the shards and takes them in windows of a few; the items of a window are shuffled among
each other. While a window is drawn from, threads read the next one. To begin anywhere, its two windows are
read and nothing else: there is no state to keep.
Shapes: N items of a window.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from types import TracebackType

import numpy as np

from lamp_core.tokens.shards import Shard, ShardEntry, ShardSet, StoredItem

READERS = 4
"""Threads that read shards; one shard each."""


class ShardStream:
    """Every item of some shards once an epoch, in an order that depends on the seed alone.

    Args:
        shards: that they are of.
        entries: which of them.
        seed: of the order.
        open_shards: most that are in memory; half of them are drawn from while the others are read.
    """

    def __init__(self, shards: ShardSet, entries: Sequence[ShardEntry], seed: int, open_shards: int) -> None:
        self.shards, self.entries, self.seed = shards, tuple(entries), seed
        self.together = max(1, open_shards // 2)
        self.count = sum(entry.items for entry in entries)
        if not self.count:
            raise ValueError("a stream needs at least one item")
        self._readers = ThreadPoolExecutor(min(READERS, self.together), thread_name_prefix="shards")
        self._now: tuple[tuple[int, int], _Window] | None = None
        self._ahead: tuple[tuple[int, int], list[Future[Shard]]] | None = None
        self._epoch = lru_cache(maxsize=2)(self._cut)

    def __enter__(self) -> "ShardStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._now = self._ahead = None
        self._readers.shutdown(wait=True, cancel_futures=True)

    def items(self, first: int, count: int) -> list[StoredItem]:
        """The items at some places of the order, counted from 0; an epoch has `count` of them.

        Raises:
            LampError: as `ShardSet.read`.
        """
        found: list[StoredItem] = []
        while len(found) < count:
            epoch, place = divmod(first + len(found), self.count)
            starts, _ = self._epoch(epoch)
            window = int(np.searchsorted(starts, place, side="right")) - 1
            found += self._window(epoch, window).items(place - int(starts[window]), count - len(found))
        return found

    def _cut(self, epoch: int) -> tuple[np.ndarray, list[list[ShardEntry]]]:
        """Where the windows of an epoch start, and their shards."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.entries))
        shuffled = [self.entries[place] for place in order]
        windows = [
            shuffled[first : first + self.together] for first in range(0, len(shuffled), self.together)
        ]
        sizes = [sum(entry.items for entry in window) for window in windows]
        return np.cumsum([0, *sizes[:-1]]), windows

    def _window(self, epoch: int, window: int) -> "_Window":
        """A window, read now where it was not read ahead; then the next one is read ahead."""
        key = (epoch, window)
        if self._now is None or self._now[0] != key:
            self._now = None  # its shards go before others come
            reading = self._reading(key)
            draws = np.random.default_rng([self.seed, epoch, window])
            self._now = (key, _Window([each.result() for each in reading], draws))
            reading.clear()
            is_last = window + 1 == len(self._epoch(epoch)[1])
            following = (epoch + 1, 0) if is_last else (epoch, window + 1)
            self._ahead = (following, self._read(following))
        return self._now[1]

    def _reading(self, key: tuple[int, int]) -> list[Future[Shard]]:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == key:
            return ahead[1]
        if ahead is not None:  # another place of the order: what is being read goes before others come
            wait([each for each in ahead[1] if not each.cancel()])
            ahead[1].clear()
        return self._read(key)

    def _read(self, key: tuple[int, int]) -> list[Future[Shard]]:
        epoch, window = key
        entries = self._epoch(epoch)[1][window]
        return [self._readers.submit(self.shards.read, entry) for entry in entries]


class _Window:
    """The items of a few shards, shuffled among each other."""

    def __init__(self, shards: Sequence[Shard], draws: np.random.Generator) -> None:
        self.shards = shards
        self.starts = np.cumsum([0, *map(len, shards)])
        self.order_N = draws.permutation(int(self.starts[-1]))

    def items(self, first: int, most: int) -> list[StoredItem]:
        """Items from a place on, to the end of the window at most."""
        return list(map(self._item, self.order_N[first : first + most]))

    def _item(self, number: int) -> StoredItem:
        shard = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.shards[shard].item(int(number - self.starts[shard]))


def apportioned(total: int, shares: Sequence[float]) -> Iterator[int]:
    """How many of a total are each share's: whole numbers that sum to it, none of which falls as it grows.

    Args:
        total: that is divided.
        shares: at least one, which sum to 1.
    """
    left, rest = total, 1.0
    for share in shares[:-1]:
        part = min(left, int(left * (share / rest))) if rest > 0 else 0
        yield part
        left, rest = left - part, rest - share
    yield left
