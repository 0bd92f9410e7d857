"""What a large motion model is trained on: items in memory, or in shards that no memory holds.

Shapes: S motion tokens, R channels.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import Protocol

import numpy as np

from lamp_core.config.base import Optimisation
from lamp_core.config.large_motion import DataKinds, LargeMotion
from lamp_core.errors import LampError
from lamp_core.large_motion.kinds import KindedMotion, Mixture, nested_share
from lamp_core.large_motion.part_captions import longest_told, part_names, said_of_parts
from lamp_core.large_motion.start import TASK
from lamp_core.large_motion.streams import (
    Kinds,
    Make,
    MemoryStream,
    Spoken,
    SpokenShards,
    StreamedBatches,
    made_ahead,
)
from lamp_core.motion_language.batches import DrawnBatches
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.tokens.shards import ShardEntry, ShardSet, StoredItem
from lamp_core.tokens.stream import ShardStream


class Batches(Protocol):
    """Sequences of a micro-batch, as a function of (seed, its number)."""

    def whole(self, step: int) -> list[Spoken]:
        """The sequences of a micro-batch, counted from 0, for all processes."""


class TrainItems(Protocol):
    """Motions with captions that are trained on, wherever they lie."""

    def __len__(self) -> int:
        """Items that are drawn, none of a kind without a weight; LampError where no kind has one."""

    def captions(self) -> Iterable[str]:
        """Captions by which the use of words is counted."""

    def parts(self) -> tuple[str, ...]:
        """Names of the parts of the body that captions are trained on."""

    def longest(self, words: MotionWords, most_parts: int = 0) -> int:
        """Words of the longest sequence that may come, of how many captions of parts at most."""

    def batches(self, make: Make, optimisation: Optimisation) -> AbstractContextManager[Batches]:
        """Batches of sequences, each made of an item that is drawn.

        Raises:
            LampError: no kind with a weight has an item, or processes cannot share a batch.
        """


def example(
    words: MotionWords,
    caption: str | None,
    codes_SR: np.ndarray,
    *,
    whole: bool = False,
    of_parts: Mapping[str, str] | None = None,
) -> Spoken:
    """The sequence of a caption, or of parts, and its motion; the motion is predicted, or the text too."""
    none_S = np.zeros(len(codes_SR), dtype=bool)
    return words.example(TASK, caption, codes_SR, none_S, whole=whole, of_parts=of_parts)


def longest_of(items: Iterable[SpokenMotion], words: MotionWords, most_parts: int = 0) -> int:
    """Words of the longest sequence of items with their captions, some of parts; 0 without any."""
    lengths = (
        max(length(example(words, caption, item.codes_SR)) for caption in item.captions)
        + longest_told(item, words, most_parts)
        for item in items
    )
    return max(lengths, default=0)


class ItemsInMemory:
    """Items that were read already.

    Args:
        items: with their kinds.
        weights: of the kinds.
    """

    def __init__(self, items: Sequence[KindedMotion], weights: DataKinds) -> None:
        self.items, self.weights = items, weights

    def __len__(self) -> int:
        return self._mixture.count if self.items else 0

    @cached_property
    def _mixture(self) -> Mixture:
        return Mixture([item.kind for item in self.items], self.weights)

    def captions(self) -> Iterator[str]:
        """All of them."""
        for item in self.items:
            yield from item.spoken.captions
            yield from said_of_parts(item.spoken)

    def parts(self) -> tuple[str, ...]:
        """Of all items."""
        return part_names(item.spoken for item in self.items)

    def longest(self, words: MotionWords, most_parts: int = 0) -> int:
        """Of all items."""
        return longest_of((item.spoken for item in self.items), words, most_parts)

    @contextmanager
    def batches(self, make: Make, optimisation: Optimisation) -> Iterator[Batches]:
        """Each item once an epoch where there is one kind; kinds by their weights."""
        mixture = self._mixture

        def draw(number: int, draws: np.random.Generator) -> Spoken:
            return make(self.items[mixture.chosen(number, draws)].spoken, draws)

        yield DrawnBatches(mixture.count, draw, optimisation, together=1)

    def without(self, kinds: Collection[str]) -> "ItemsInMemory":
        """Those of other kinds that have a weight."""
        weights = self.weights.model_dump()
        kept = [item for item in self.items if weights[item.kind] and item.kind not in kinds]
        return ItemsInMemory(kept, self.weights)

    def streams(self, seed: int) -> Kinds:
        """A stream of each kind that has a weight and an item, and its weight."""
        of_kind = {
            kind: ([item.spoken for item in self.items if item.kind == kind], weight)
            for kind, weight in self.weights.model_dump().items()
        }
        return [
            (MemoryStream(motions, seed, place), weight)
            for place, (motions, weight) in enumerate(of_kind.values())
            if motions and weight
        ]


class ItemsInShards:
    """Items of sharded Parquet: read while the training goes on, a few shards in memory.

    Each kind of clips has shards of its own and comes as often as its weight says, each of its items once an
    epoch. ``large_motion.train_share`` takes a share of the shards of each.

    Args:
        shards: of codes of the tokenizer whose words the model has.
        settings: section ``large_motion``.

    Raises:
        LampError: no kind of the shards has a weight.
    """

    def __init__(self, shards: ShardSet, settings: LargeMotion) -> None:
        self.shards, self.settings = shards, settings
        if not self._kinds:
            found = ", ".join(sorted({entry.kind for entry in shards.shards})) or "none"
            raise LampError(
                f"large_motion.data gives no weight to a kind of clips that {shards.folder} has: {found}"
            )

    def __len__(self) -> int:
        return sum(entry.items for entries, _ in self._kinds for entry in entries)

    @property
    def kinds(self) -> set[str]:
        """The kinds of clips that it has and that have a weight."""
        return {entries[0].kind for entries, _ in self._kinds}

    @cached_property
    def _kinds(self) -> list[tuple[list[ShardEntry], float]]:
        """The shards of each kind that has a weight, and its weight."""
        weights = self.settings.data.model_dump()
        of_kind = {kind: [entry for entry in self.shards.shards if entry.kind == kind] for kind in weights}
        return [
            (self._share(of_kind[kind]), weights[kind]) for kind in weights if weights[kind] and of_kind[kind]
        ]

    def _share(self, entries: Sequence[ShardEntry]) -> list[ShardEntry]:
        taken = nested_share(len(entries), self.settings.train_share, self.settings.training.seed)
        return [entries[place] for place in taken]

    def captions(self) -> Iterator[str]:
        """Of a shard of each kind: the use of words is an estimate."""
        for spoken in self._of_first_shards():
            yield from spoken.captions
            yield from said_of_parts(spoken)

    def parts(self) -> tuple[str, ...]:
        """Those of a shard of each kind."""
        return part_names(self._of_first_shards()) if self.settings.part_captions.share else ()

    def _of_first_shards(self) -> Iterator[SpokenMotion]:
        for entries, _ in self._kinds:
            shard = self.shards.read(entries[0])
            yield from (self._spoken(shard.item(row)) for row in range(len(shard)))

    def longest(self, words: MotionWords, most_parts: int = 0) -> int:
        """Of the longest motion, with captions as long as captions may be; where these have no room in a row,
        with the longest of each kind that the shards have, which are then read."""
        most = max((entry.longest for entries, _ in self._kinds for entry in entries), default=0)
        tokens = min(most, self._max_tokens)
        if not tokens:
            return 0
        codes_SR = np.zeros((tokens, len(self.shards.channels)), dtype=np.int64)
        names = self.parts()
        told = sorted((length(words.described(None, {part: ""})) for part in names), reverse=True)
        captions = (1 + min(most_parts, len(names))) * (words.max_text_tokens - 1)
        may_be = length(example(words, "", codes_SR)) + captions + sum(told[:most_parts])
        if may_be <= self.settings.context:
            return may_be
        return longest_of([SpokenMotion(codes_SR, *self._longest_captions(words))], words, most_parts)

    def _longest_captions(self, words: MotionWords) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
        """The longest caption of the body, and of each part; a shard in memory at a time."""
        of_body: list[str] = []
        of_parts: dict[str, list[str]] = {}
        for entry in (entry for entries, _ in self._kinds for entry in entries):
            shard = self.shards.read(entry)
            of_body = [words.longest_caption([*of_body, *shard.captions()])]
            told = shard.part_captions() if self.settings.part_captions.share else {}
            for part, said in told.items():
                of_parts[part] = [words.longest_caption([*of_parts.get(part, []), *said])]
        return tuple(of_body), {part: tuple(said) for part, said in of_parts.items()}

    @property
    def _max_tokens(self) -> int:
        return self.settings.max_frames // self.shards.downsampling

    @contextmanager
    def batches(self, make: Make, optimisation: Optimisation) -> Iterator[Batches]:
        """Batches that are read; the readers end with the block."""
        with (
            self.streams(optimisation.seed) as kinds,
            made_ahead(StreamedBatches(kinds, make, optimisation)) as batches,
        ):
            yield batches

    @contextmanager
    def streams(self, seed: int) -> Iterator[Kinds]:
        """A stream of each kind with its weight; the readers end with the block."""
        with ExitStack() as held:
            streams = [
                held.enter_context(ShardStream(self.shards, entries, seed, self.settings.open_shards))
                for entries, _ in self._kinds
            ]
            spoken = [SpokenShards(stream, self._spoken) for stream in streams]
            yield list(zip(spoken, (weight for _, weight in self._kinds), strict=True))

    def _spoken(self, item: StoredItem) -> SpokenMotion:
        told = item.part_captions if self.settings.part_captions.share else {}
        return SpokenMotion(item.codes_SR[: self._max_tokens], item.captions, told)


class ItemsOfBoth:
    """Items in memory beside those of shards, each kind as often as its weight says (Tables 4 and 7).

    A kind that the shards have comes from them alone. Each item of a kind comes once an epoch of that kind.

    Args:
        in_memory: such as recorded clips and static poses; those of a kind that the shards have are left out.
        in_shards: such as generated clips, codes of the same tokenizer.

    Raises:
        LampError: nothing in memory is of a kind that has a weight and that the shards do not have.
    """

    def __init__(self, in_memory: ItemsInMemory, in_shards: ItemsInShards) -> None:
        self.in_memory, self.in_shards = in_memory.without(in_shards.kinds), in_shards
        if not len(self.in_memory):
            known = ", ".join(sorted(in_shards.kinds))
            raise LampError(
                "large_motion.with_train_split: the train split has no clip of a kind with a weight that "
                f"{in_shards.shards.folder} does not have ({known}); leave it off"
            )

    def __len__(self) -> int:
        return len(self.in_memory) + len(self.in_shards)

    def captions(self) -> Iterator[str]:
        """All of those in memory, and of a shard of each kind."""
        yield from self.in_memory.captions()
        yield from self.in_shards.captions()

    def parts(self) -> tuple[str, ...]:
        """Of both."""
        return tuple(dict.fromkeys((*self.in_memory.parts(), *self.in_shards.parts())))

    def longest(self, words: MotionWords, most_parts: int = 0) -> int:
        """Of both."""
        return max(self.in_memory.longest(words, most_parts), self.in_shards.longest(words, most_parts))

    @contextmanager
    def batches(self, make: Make, optimisation: Optimisation) -> Iterator[Batches]:
        """Batches of both; the readers of shards end with the block."""
        with self.in_shards.streams(optimisation.seed) as read:
            kinds = [*self.in_memory.streams(optimisation.seed), *read]
            with made_ahead(StreamedBatches(kinds, make, optimisation)) as batches:
                yield batches
