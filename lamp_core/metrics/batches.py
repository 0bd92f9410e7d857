"""Shuffled batches and random pairs: which items of a set are compared with which.

``unbiased`` uses every item and compares no item with itself. ``published`` does as the code of Guo et al.
does: the last incomplete batch is dropped, and both sides of the pairs are drawn apart from each other, so
that an item may meet itself at distance 0.

Shapes: G batches, B items a batch, P pairs.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lamp_core.errors import LampError

Counting = Literal["unbiased", "published"]
"""How ties, incomplete batches and pairs are counted."""


@dataclass(frozen=True)
class Batches:
    """Items in batches.

    Args:
        items_GB: places of items.
        counted_GB: which of them count as a query; those that only fill a batch up do not.
    """

    items_GB: np.ndarray
    counted_GB: np.ndarray

    @property
    def counted(self) -> int:
        """Items that count, each once."""
        return int(self.counted_GB.sum())


def shuffled_batches(
    count: int, batch_size: int, generator: np.random.Generator, counting: Counting = "unbiased"
) -> Batches:
    """Return items in random order in batches of one size, each item once.

    The items of the last incomplete batch have their batch filled up with others, drawn at random, which do
    not count again; ``published`` leaves them out.

    Raises:
        LampError: fewer items than a batch.
    """
    if count < batch_size:
        raise LampError(f"{count} items are fewer than a batch of {batch_size}; ranking needs a full batch")
    shuffled_N = generator.permutation(count)
    lost = count % batch_size
    whole_GB = shuffled_N[: count - lost].reshape(-1, batch_size)
    if not lost or counting == "published":
        return Batches(whole_GB, np.ones(whole_GB.shape, dtype=bool))
    fill = generator.choice(shuffled_N[: count - lost], batch_size - lost, replace=False)
    items_GB = np.concatenate([whole_GB, np.concatenate([shuffled_N[count - lost :], fill])[None]])
    counted_GB = np.ones(items_GB.shape, dtype=bool)
    counted_GB[-1, lost:] = False
    return Batches(items_GB, counted_GB)


def random_pairs(
    count: int, pairs: int, generator: np.random.Generator, counting: Counting = "unbiased"
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides (P,) of random pairs of ``count`` items.

    Pairs are of two different items, and no pair returns; all are taken where there are no more.
    ``published`` draws each side without replacement, apart from the other.

    Raises:
        LampError: fewer than two items, or, as published, fewer than pairs.
    """
    if counting == "published":
        if count < pairs:
            raise LampError(f"{count} items are fewer than the {pairs} pairs that are drawn")
        first_P, second_P = (generator.choice(count, pairs, replace=False) for _ in range(2))
        return first_P, second_P
    if count < 2:
        raise LampError(f"pairs need two items at least, found {count}")
    every = count * (count - 1) // 2
    chosen_P = generator.choice(every, min(pairs, every), replace=False)
    # Pair number n is (i, j) with i < j: those with second item j begin at j (j - 1) / 2.
    second_P = ((1 + np.sqrt(1 + 8 * chosen_P.astype(np.float64))) // 2).astype(np.int64)
    return chosen_P - second_P * (second_P - 1) // 2, second_P
