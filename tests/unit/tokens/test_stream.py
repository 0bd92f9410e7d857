"""A stream is a function of seed and place, gives every item once an epoch, and holds few shards."""

import weakref
from collections.abc import Sequence
from concurrent.futures import wait
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.tokens.shards import Shard, ShardEntry, ShardSet, shard_name
from lamp_core.tokens.stream import ShardStream, apportioned
from tests.unit.tokens.test_shards import shard_set

SIZES = (4, 7, 3, 5, 6, 1, 4)
ITEMS = sum(SIZES)


@pytest.fixture
def shards(tmp_path: Path) -> ShardSet:
    return shard_set(tmp_path, SIZES)


def keys(stream: ShardStream, first: int, count: int) -> list[str]:
    return [item.key for item in stream.items(first, count)]


def stream(shards: ShardSet, seed: int = 0, open_shards: int = 4) -> ShardStream:
    return ShardStream(shards, shards.shards, seed, open_shards)


def test_every_item_comes_once_an_epoch_in_another_order(shards: ShardSet) -> None:
    with stream(shards) as one, stream(shards, seed=1) as other:
        epochs = [keys(one, epoch * ITEMS, ITEMS) for epoch in range(3)]
        assert all(len(set(epoch)) == ITEMS for epoch in epochs)
        assert len({tuple(epoch) for epoch in [*epochs, keys(other, 0, ITEMS)]}) == 4


@pytest.mark.parametrize("open_shards", [2, 4, 6, 100])
@pytest.mark.parametrize("batch", [1, 4, 13, 2 * ITEMS + 1])
def test_the_items_of_a_place_are_the_same_whatever_was_read_before(
    open_shards: int, batch: int, shards: ShardSet
) -> None:
    with stream(shards, open_shards=open_shards) as through:
        whole = keys(through, 0, 6 * batch)
        jumped = [3, 0, 5, 5, 1]
        for step in jumped:
            assert keys(through, step * batch, batch) == whole[step * batch : (step + 1) * batch]
    for step in (2, 4):
        with stream(shards, open_shards=open_shards) as resumed:
            assert keys(resumed, step * batch, batch) == whole[step * batch : (step + 1) * batch]


def test_items_of_several_shards_are_mixed(shards: ShardSet) -> None:
    bounds = np.cumsum(SIZES)
    with stream(shards, open_shards=14) as mixed:
        order = [int(key.split(":")[0].removeprefix("clip_")) for key in keys(mixed, 0, ITEMS)]
    of_shard = np.searchsorted(bounds, order, side="right")
    assert np.count_nonzero(np.diff(of_shard)) > len(SIZES)  # not shard by shard


class Counted(ShardSet):
    """Counts the shards that are in memory: those being read, and those that live."""

    def read(self, entry: ShardEntry) -> Shard:
        found = super().read(entry)
        with LOCK:
            ALIVE.append(weakref.ref(found))
            SEEN.append(sum(each() is not None for each in ALIVE))
        return found


LOCK, ALIVE, SEEN = Lock(), list[weakref.ref[Shard]](), list[int]()


@pytest.mark.parametrize("open_shards", [2, 4, 6])
def test_no_more_shards_are_in_memory_than_may_be(open_shards: int, shards: ShardSet) -> None:
    ALIVE.clear()
    SEEN.clear()
    counted = Counted(**{name: getattr(shards, name) for name in shards.__dataclass_fields__})
    with stream(counted, open_shards=open_shards) as read:
        for first in (*range(0, 3 * ITEMS, 5), 7, 2 * ITEMS, 3):  # through, and jumps
            read.items(first, 5)
            assert read._ahead is not None
            wait(read._ahead[1])  # the most that there can be
    assert len(SEEN) > 3 * len(SIZES)
    assert max(SEEN) == open_shards
    assert not any(each() for each in ALIVE)  # and none when it has ended


def test_a_damaged_shard_is_said_when_its_turn_comes(shards: ShardSet) -> None:
    path = shards.folder / shard_name(1)
    path.write_bytes(path.read_bytes()[:-40])
    with stream(shards) as read, pytest.raises(LampError, match=r"shard-00001.parquet is truncated"):
        read.items(0, ITEMS)


def test_a_stream_needs_an_item(shards: ShardSet) -> None:
    with pytest.raises(ValueError, match="at least one item"):
        ShardStream(shards, (), 0, 2)


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.99, 0.005, 0.005), (1 / 3, 1 / 3, 1 / 3)])
def test_parts_sum_to_the_total_and_none_falls_as_it_grows(shares: Sequence[float]) -> None:
    before = [0] * len(shares)
    for total in range(1000):
        parts = list(apportioned(total, shares))
        assert sum(parts) == total
        assert all(part >= earlier for part, earlier in zip(parts, before, strict=True))
        assert all(
            abs(part - total * share) <= len(shares) for part, share in zip(parts, shares, strict=True)
        )
        before = parts
