"""Batches of similar lengths: every item once an epoch, a function of (seed, step)."""

import numpy as np

from lamp_core.config.base import Optimisation
from lamp_core.m2t.batches import LengthBuckets
from lamp_core.pairs.captions import CaptionIndex

COUNTS = np.arange(40) % 3 + 1
LENGTHS = np.random.default_rng(0).integers(3, 30, COUNTS.sum())
OWNERS = np.repeat(np.arange(40), COUNTS)


def _buckets(together: int, seed: int = 0) -> LengthBuckets:
    training = Optimisation(steps=1, batch_size=8, learning_rate=1.0, accumulate=2, seed=seed)
    return LengthBuckets(LENGTHS, CaptionIndex(COUNTS), training, together)


def test_an_epoch_takes_one_caption_of_every_item() -> None:
    buckets = _buckets(together=5)
    first = [OWNERS[buckets.whole(step)] for step in range(10)]
    assert sorted(np.concatenate(first)) == list(range(40))


def test_all_captions_have_their_turn() -> None:
    buckets = _buckets(together=5)
    assert {caption for step in range(200) for caption in buckets.whole(step)} == set(range(len(LENGTHS)))


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    far, back, other = _buckets(5), _buckets(5), _buckets(5, seed=1)
    want = [far.whole(step) for step in range(25)]
    for step in reversed(range(25)):
        assert np.array_equal(back.whole(step), want[step])
    assert not np.array_equal(other.whole(0), want[0])


def test_sorting_together_leaves_less_padding() -> None:
    def padded(together: int) -> int:
        buckets = _buckets(together)
        batches = [LENGTHS[buckets.whole(step)] for step in range(100)]
        return sum(int(lengths.max() * len(lengths) - lengths.sum()) for lengths in batches)

    assert padded(10) < 0.5 * padded(1)


def test_short_captions_do_not_come_first() -> None:
    buckets = _buckets(together=10)
    means = [LENGTHS[buckets.whole(step)].mean() for step in range(10)]
    assert means != sorted(means)
