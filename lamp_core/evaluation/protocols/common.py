"""What every protocol shares: which items are measured, who embeds them, and the draws of a repeat.

Shapes: N items, T frames, D feature numbers a frame, E embedding numbers, C captions.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores

OnProgress = Callable[[int, int, str], None]


class MotionTextEvaluator(Protocol):
    """What embeds captions and normalised motions, and says how far a text is from a motion."""

    @property
    def label(self) -> str:
        """Name in the results: numbers of different evaluators never compare."""

    @property
    def prefix(self) -> str:
        """What its matching metrics' names begin with: nothing, or ``LaMP-``."""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Normalised features, each (T, D), to (N, ...)."""

    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """Captions to (N, E)."""

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        """R-Precision and MM-Dist of pairs, within shuffled batches."""


def protocol_items(items: Sequence[Item], frames_per_second: float, settings: Evaluate) -> list[Item]:
    """Keep the items whose length is in the protocol's range.

    That is 40 <= frames < 200 at 20 frames a second and 24 <= frames < 200 at 12.5: the shortest length in
    seconds counts in whole movements of four frames, the longest in frames, as published.
    """
    shortest = int(settings.min_seconds * frames_per_second) // DOWNSAMPLING * DOWNSAMPLING
    return [item for item in items if max(shortest, DOWNSAMPLING) <= item.frames < settings.max_frames]


def candidates(settings: Evaluate) -> str:
    """How many candidates a text has, how is counted and which of an item's captions is taken.

    For a protocol's name.
    """
    return f"{settings.batch_size} candidates, {counted(settings)}, {settings.captions} caption"


def counted(settings: Evaluate) -> str:
    """How ties, incomplete batches and pairs are counted, for a protocol's name."""
    return f"{settings.counting} counting"


def incomplete_batch(items: int) -> str:
    """What is said of items that no full batch of a shuffle has room for; nothing when there are none."""
    return f"{items} items of every shuffle left out with its incomplete batch" if items else ""


def random_draws(settings: Evaluate, repeat: int, purpose: str) -> np.random.Generator:
    """Return the random draws of one purpose in one repeat; no draw moves another's."""
    return np.random.default_rng([settings.seed, repeat, *purpose.encode()])


@dataclass(frozen=True)
class TestItems:
    """The items that can be measured, their motions normalised, their captions each once.

    Args:
        items: N items, finite, with captions that say something.
        motions: their normalised features.
        captions: C different captions of all items.
        caption_places: for each item, the places of its captions.
        note: how many items were left out and why, empty when none was.
    """

    __test__ = False

    items: list[Item]
    motions: list[np.ndarray]
    captions: list[Caption]
    caption_places: list[np.ndarray]
    note: str

    @classmethod
    def of(cls, items: Sequence[Item], statistics: FeatureStatistics) -> "TestItems":
        """Leave out what is not finite or has no caption with words, and count it.

        Raises:
            LampError: no item is left.
        """
        faults: Counter[str] = Counter()
        kept: list[Item] = []
        for item in items:
            captions = tuple(caption for caption in item.captions if caption.text.strip())
            if not np.isfinite(item.features_TD).all():
                faults["not finite"] += 1
            elif not captions:
                faults["without a caption"] += 1
            else:
                kept.append(replace(item, captions=captions))
        if not kept:
            reason = _told(faults, len(items)) or "no clip of the split is in the protocol's range"
            raise LampError(f"no items to evaluate: {reason}")
        motions = [np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in kept]
        every = dict.fromkeys(caption for item in kept for caption in item.captions)
        place_of = {caption: place for place, caption in enumerate(every)}
        places = [np.array([place_of[caption] for caption in item.captions]) for item in kept]
        return cls(kept, motions, list(every), places, _told(faults, len(items)))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def frames(self) -> list[int]:
        """Feature frames of the items."""
        return [item.frames for item in self.items]

    def draw_captions(self, settings: Evaluate, repeat: int) -> np.ndarray:
        """Return the place (N,) of one caption an item, a random one or the first."""
        counts_N = np.array([len(places) for places in self.caption_places])
        if settings.captions == "first":
            chosen_N = np.zeros(len(counts_N), dtype=int)
        else:
            chosen_N = random_draws(settings, repeat, "captions").integers(counts_N)
        starts_N = np.cumsum(counts_N) - counts_N
        places_N: np.ndarray = np.concatenate(self.caption_places)[starts_N + chosen_N]
        return places_N

    def captions_at(self, places: Sequence[int] | np.ndarray) -> list[Caption]:
        """Return the captions at these places."""
        return [self.captions[place] for place in places]


@dataclass(frozen=True)
class Embedded:
    """The test items as one evaluator sees them; computed once, whatever the number of repeats.

    Args:
        evaluator: who embedded them.
        motions: (N, ...).
        texts_CE: one a caption of the test items.
    """

    evaluator: MotionTextEvaluator
    motions: np.ndarray
    texts_CE: np.ndarray

    @classmethod
    def of(cls, test: TestItems, evaluator: MotionTextEvaluator) -> "Embedded":
        """Embed the true motions and all their captions."""
        return cls(evaluator, evaluator.embed_motions(test.motions), evaluator.embed_texts(test.captions))


@dataclass(frozen=True)
class Made:
    """The motions of a system that can be measured, and the items they belong to.

    Args:
        motions: normalised features.
        places: of their items among those that were asked for.
        note: how many were left out and why, empty when none was.
    """

    motions: list[np.ndarray]
    places: list[int]
    note: str

    @classmethod
    def of(cls, system: str, motions: Sequence[np.ndarray], expected: int) -> "Made":
        """Leave out motions that are not finite, and count them.

        Raises:
            LampError: the system did not return one motion an item.
        """
        if len(motions) != expected:
            raise LampError(f"{system} returned {len(motions)} motions for {expected} items")
        arrays = [np.asarray(motion) for motion in motions]
        places = [place for place, motion in enumerate(arrays) if np.isfinite(motion).all()]
        lost = expected - len(places)
        note = f"{lost} of {expected} motions not finite, left out" if lost else ""
        return cls([arrays[place] for place in places], places, note)

    def __len__(self) -> int:
        return len(self.motions)

    def embed(self, evaluator: MotionTextEvaluator) -> np.ndarray:
        """Embeddings of the motions that are left, none when none is."""
        return evaluator.embed_motions(self.motions) if self.motions else np.empty((0, 1))


def _told(faults: Counter[str], total: int) -> str:
    if not faults:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in faults.items())
    return f"{faults.total()} of {total} items left out: {reasons}"
