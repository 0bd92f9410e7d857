"""Training from shards: the same items, resumed to the same weights, kinds by weight, bad sets refused."""

import threading
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lamp_core.config.base import Optimisation
from lamp_core.config.large_motion import DataKinds, LargeMotion, PartCaptions
from lamp_core.errors import LampError
from lamp_core.large_motion.kinds import REAL, STATIC, SYNTHETIC, KindedMotion
from lamp_core.large_motion.streams import StreamedBatches
from lamp_core.large_motion.train_items import (
    ItemsInMemory,
    ItemsInShards,
    ItemsOfBoth,
    TrainItems,
    longest_of,
)
from lamp_core.large_motion.training import Items, train_large_motion
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.segments import Segment
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.shards import (
    ShardAbout,
    ShardSet,
    StoredItem,
    shard_name,
    standing_shard,
    write_shard,
)
from lamp_core.training.waiting import Waiting
from lamp_core.training.watching import Watching
from tests.unit.large_motion.conftest import CODES, LAYERS, QUICK, SETTINGS, items_of, spoken
from tests.unit.motion_language.conftest import causal

KINDS = (SYNTHETIC, SYNTHETIC, SYNTHETIC, STATIC)


@pytest.fixture(scope="module")
def shards(rvq: MotionTokenizer, tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    """The eight motions, two a shard: three shards of one kind, one of another."""
    folder, motions = tmp_path_factory.mktemp("shards"), spoken()
    told: dict[str, Any] = {
        "tokenizer_identity": rvq.identity(),
        "downsampling": rvq.downsampling,
        "channels": rvq.channels,
    }
    entries = [
        write_shard(
            folder / shard_name(place),
            [
                StoredItem(f"{n}", motions[n].codes_SR, motions[n].captions)
                for n in (2 * place, 2 * place + 1)
            ],
            ShardAbout(**told, kind=kind, recipe="the eight motions"),
        )
        for place, kind in enumerate(KINDS)
    ]
    return ShardSet(folder=folder, shards=tuple(entries), **told).write()


def batches(items: TrainItems, count: int, optimisation: Optimisation = QUICK) -> list[list[tuple[int, ...]]]:
    """The codes of each sequence of each batch, sorted."""

    def make(item: SpokenMotion, draws: np.random.Generator) -> list[Segment]:
        return [Segment("motion", tuple(item.codes_SR.ravel().tolist()))]

    with items.batches(make, optimisation) as made:
        return [sorted(parts[0].ids for parts in made.whole(step)) for step in range(count)]


def flat(found: list[list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(found))


def codes() -> list[tuple[int, ...]]:
    return [tuple(each.codes_SR.ravel().tolist()) for each in spoken()]


def test_an_epoch_has_the_same_items_from_shards_and_from_memory(shards: ShardSet) -> None:
    settings = SETTINGS.model_copy(update={"open_shards": 2})
    in_shards = ItemsInShards(shards, settings)
    in_memory = items_of(spoken()[:6]).train
    training = QUICK.model_copy(update={"batch_size": 2})
    for items in (in_shards, in_memory):
        assert len(items) == 6  # static poses have no weight
        for epoch in range(2):
            found = batches(items, 6, training)[3 * epoch : 3 * epoch + 3]
            assert sorted(flat(found)) == sorted(codes()[:6])


def test_a_batch_made_ahead_is_the_one_that_is_made_when_asked_for(shards: ShardSet) -> None:
    def make(item: SpokenMotion, draws: np.random.Generator) -> list[Segment]:
        return [Segment("motion", (*item.codes_SR.ravel().tolist(), int(draws.integers(1000))))]

    items = ItemsInShards(shards, SETTINGS.model_copy(update={"open_shards": 2}))
    with items.streams(QUICK.seed) as kinds:
        wanted = [StreamedBatches(kinds, make, QUICK).whole(step) for step in (0, 1, 2, 7, 8, 3)]
    with items.batches(make, QUICK) as ahead:
        assert [ahead.whole(step) for step in (0, 1, 2, 7, 8, 3)] == wanted
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_kinds_come_as_often_as_their_weights_say(shards: ShardSet) -> None:
    settings = SETTINGS.model_copy(update={"data": DataKinds(synthetic=3, static=1)})
    found = Counter(flat(batches(ItemsInShards(shards, settings), 12)))
    assert sum(found[each] for each in codes()[6:]) == 12  # a fourth of 48
    assert {found[each] for each in codes()[:6]} == {6}


def test_a_share_of_the_shards_is_part_of_a_larger_one(shards: ShardSet) -> None:
    sets = []
    for share in (0.3, 0.6, 1.0):
        items = ItemsInShards(shards, SETTINGS.model_copy(update={"train_share": share}))
        sets.append(set(flat(batches(items, 6))))
        assert len(items) == len(sets[-1])
    assert [len(each) for each in sets] == [2, 4, 6] and sets[0] < sets[1] < sets[2]


def both(shards: ShardSet, weights: DataKinds, **changes: Any) -> ItemsOfBoth:
    """The synthetic and static motions of the shards, and in memory real and static ones of their own."""
    settings = SETTINGS.model_copy(update={"data": weights, "open_shards": 2, **changes})
    draws = np.random.default_rng(1)
    known = [
        KindedMotion(SpokenMotion(draws.integers(0, CODES, (3 + n, LAYERS)), (f"number {n}",)), kind)
        for n, kind in enumerate([REAL] * 3 + [STATIC] * 2 + [SYNTHETIC])
    ]
    return ItemsOfBoth(ItemsInMemory(known, weights), ItemsInShards(shards, settings))


def test_both_come_by_the_weights_of_their_kinds(shards: ShardSet) -> None:
    of_synthetic = ShardSet(shards.folder, shards.tokenizer_identity, 4, shards.channels, shards.shards[:3])
    items = both(of_synthetic, DataKinds(real=2, synthetic=1, static=1))
    assert len(items) == 3 + 2 + 6  # the synthetic one in memory is left to the shards
    kind_of = {tuple(each.spoken.codes_SR.ravel().tolist()): each.kind for each in items.in_memory.items}
    drawn = flat(batches(items, 12))
    found = Counter(kind_of.get(each, SYNTHETIC) for each in drawn)
    assert found == {REAL: 24, SYNTHETIC: 12, STATIC: 12}
    assert set(Counter(drawn).values()) == {24 // 3, 12 // 2, 12 // 6}  # each as often as its like
    assert set(items.captions()) > {"number 0", spoken()[0].captions[0]}
    without_real = both(of_synthetic, DataKinds(real=0, synthetic=1, static=1))
    assert Counter(kind_of.get(each, SYNTHETIC) for each in flat(batches(without_real, 4))) == {
        SYNTHETIC: 8,
        STATIC: 8,
    }


def test_a_kind_that_shards_have_comes_from_them_alone(shards: ShardSet) -> None:
    items = both(shards, DataKinds(real=1, synthetic=1, static=1))
    assert {each.kind for each in items.in_memory.items} == {REAL}
    drawn = flat(batches(items, 6))
    found = [sum(each in some for each in drawn) for some in (codes()[6:], codes()[:6])]
    assert set(found) <= {7, 8, 9}  # static and synthetic ones of the shards, a third of 24 each
    with pytest.raises(
        LampError, match=r"with_train_split: .* does not have \(static, synthetic\); leave it"
    ):
        both(shards, DataKinds(real=0, synthetic=1, static=1))


def test_the_order_of_both_hangs_on_seed_and_step_alone(shards: ShardSet) -> None:
    items = both(shards, DataKinds(real=1, synthetic=1, static=0.3))
    whole = batches(items, 9)
    with items.batches(
        lambda item, draws: [Segment("motion", tuple(item.codes_SR.ravel().tolist()))], QUICK
    ) as made:
        assert [sorted(parts[0].ids for parts in made.whole(step)) for step in (7, 2, 8)] == [
            whole[7], whole[2], whole[8]
        ]  # fmt: skip
    other = QUICK.model_copy(update={"seed": 5})
    assert batches(items, 9, other) != whole


def test_training_from_both_is_resumed_to_equal_weights(
    shards: ShardSet, rvq: MotionTokenizer, tmp_path: Path
) -> None:
    items = Items(both(shards, DataKinds(static=0.5)), val=spoken()[:3])
    assert _unlike_where_resumed(items, SETTINGS, rvq, 6, tmp_path) == []


@pytest.mark.parametrize("stop_at", [1, 6])
def test_training_from_shards_is_resumed_to_equal_weights(
    stop_at: int, shards: ShardSet, rvq: MotionTokenizer, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"open_shards": 2, "data": DataKinds(static=0.5)})
    items = Items(ItemsInShards(shards, settings), val=spoken()[:3])
    assert _unlike_where_resumed(items, settings, rvq, stop_at, tmp_path) == []


def _unlike_where_resumed(
    items: Items, settings: LargeMotion, tokenizer: MotionTokenizer, stop_at: int, folder: Path
) -> list[str]:
    """The weights and numbers in which a training that is stopped and goes on differs from a whole one."""

    def trained(**options: Any) -> Any:
        return train_large_motion(causal(), tokenizer, settings, items, Watching(**options), Waiting())

    def stop(done: int, total: int, text: str) -> None:
        if done > stop_at:
            raise KeyboardInterrupt

    whole, _, numbers = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=folder, on_progress=stop)
    resumed, _, again = trained(checkpoints=folder)
    weights = whole.state_dict()
    assert numbers.keys() == again.keys() and weights.keys() == resumed.state_dict().keys()
    return [
        *(name for name, value in numbers.items() if again[name] != value),
        *(
            name
            for name, tensor in whole.state_dict().items()
            if not resumed.state_dict()[name].equal(tensor)
        ),
    ]


def test_the_clock_of_the_steps_stands_when_the_training_ends(shards: ShardSet, rvq: MotionTokenizer) -> None:
    clock = Waiting()
    train_large_motion(causal(), rvq, SETTINGS, Items(ItemsInShards(shards, SETTINGS)), waiting=clock)
    before = (clock.step_seconds, clock.share)
    assert 0 < clock.seconds < before[0] and (clock.step_seconds, clock.share) == before


def test_the_words_that_captions_of_a_shard_use_least_are_given_up(
    shards: ShardSet, rvq: MotionTokenizer
) -> None:
    settings = SETTINGS.model_copy(update={"words": "least_used"})
    items = ItemsInShards(shards, settings)
    assert set(items.captions()) == {caption for each in spoken()[:2] for caption in each.captions}
    model, words, _ = train_large_motion(causal(), rvq, settings, Items(items))
    assert len(words.text) == model.language.get_input_embeddings().num_embeddings


def test_what_cannot_be_trained_from_shards_is_refused(shards: ShardSet, rvq: MotionTokenizer) -> None:
    only_real = SETTINGS.model_copy(update={"data": DataKinds(real=1, synthetic=0)})
    with pytest.raises(LampError, match=r"gives no weight to a kind of clips that .* has: static, synthetic"):
        ItemsInShards(shards, only_real)
    short = SETTINGS.model_copy(update={"context": 30})
    with pytest.raises(LampError, match=r"the longest clip takes .* words .*a row has 30; raise"):
        train_large_motion(causal(), rvq, short, Items(ItemsInShards(shards, short)))


@pytest.fixture
def with_parts(rvq: MotionTokenizer, tmp_path: Path) -> ShardSet:
    """The eight motions with captions of two parts, in one shard."""
    told = {"left_arm": ("waves", "the left arm waves"), "right_leg": ("kicks",)}
    stored = [StoredItem(f"{n}", each.codes_SR, each.captions, told) for n, each in enumerate(spoken())]
    about = ShardAbout(
        tokenizer_identity=rvq.identity(), downsampling=4, channels=rvq.channels, kind=SYNTHETIC, recipe=""
    )
    entry = write_shard(tmp_path / "a.parquet", stored, about)
    return ShardSet(tmp_path, about.tokenizer_identity, 4, about.channels, (entry,)).write()


def test_shards_carry_captions_of_parts_and_older_ones_have_none(
    with_parts: ShardSet, rvq: MotionTokenizer, tmp_path: Path
) -> None:
    stored = with_parts.read(with_parts.shards[0]).item(3)
    assert stored.part_captions == {"left_arm": ("waves", "the left arm waves"), "right_leg": ("kicks",)}
    off, on = (
        SETTINGS.model_copy(
            update={"prompts": "short-parts", "context": 160, "part_captions": PartCaptions(share=share)}
        )
        for share in (0.0, 1.0)
    )
    assert ItemsInShards(with_parts, off).parts() == ()
    items = ItemsInShards(with_parts, on)
    assert items.parts() == ("left_arm", "right_leg")
    assert {"left arm waves", "right leg kicks", spoken()[0].captions[0]} <= set(items.captions())
    _, words, _ = train_large_motion(causal(), rvq, on, Items(items))
    assert items.longest(words, 2) > items.longest(words, 1) > items.longest(words)

    path = tmp_path / "a.parquet"
    table = pq.read_table(path).drop_columns(["part_captions"])
    pq.write_table(table, path)
    entry = standing_shard(path, ShardAbout.model_validate_json(table.schema.metadata[b"lamp"]))
    assert entry is not None
    older = replace(with_parts, shards=(entry,))
    assert older.read(entry).item(3).part_captions == {} and ItemsInShards(older, on).parts() == ()
    with pytest.raises(LampError, match=r"has captions of parts of the body .*part_captions\.share to 0"):
        train_large_motion(causal(), rvq, on, Items(ItemsInShards(older, on)))


@pytest.mark.parametrize("most_parts", [0, 1, 2])
def test_captions_of_shards_are_read_where_the_longest_that_may_be_have_no_room(
    most_parts: int, with_parts: ShardSet, rvq: MotionTokenizer
) -> None:
    parts = PartCaptions(share=float(most_parts > 0), most=max(1, most_parts))
    roomy = SETTINGS.model_copy(
        update={"prompts": "short-parts", "context": 400, "part_captions": parts, "max_text_tokens": 64}
    )
    _, words, _ = train_large_motion(causal(), rvq, roomy, Items(ItemsInShards(with_parts, roomy)))
    told = {"left_arm": ("waves", "the left arm waves"), "right_leg": ("kicks",)}
    of_items = longest_of([replace(each, part_captions=told) for each in spoken()], words, most_parts)

    def counted(context: int) -> int:
        settings = roomy.model_copy(update={"context": context})
        return ItemsInShards(with_parts, settings).longest(words, most_parts)

    may_be = counted(400)
    longest = counted(may_be - 1)
    assert counted(may_be) == may_be > longest + 30
    assert of_items <= longest < of_items + 20  # the longest motion need not have the longest caption
    tight = roomy.model_copy(update={"context": longest})
    train_large_motion(causal(), rvq, tight, Items(ItemsInShards(with_parts, tight)))
    with pytest.raises(LampError, match=rf"takes {longest} words .*a row has {longest - 1}; raise"):
        short = roomy.model_copy(update={"context": longest - 1})
        train_large_motion(causal(), rvq, short, Items(ItemsInShards(with_parts, short)))


def test_a_motion_is_cut_to_the_longest(shards: ShardSet, rvq: MotionTokenizer) -> None:
    settings = SETTINGS.model_copy(update={"max_frames": 12})
    found = flat(batches(ItemsInShards(shards, settings), 3))
    assert max(map(len, found)) == 3 * len(rvq.channels)


def test_items_that_are_never_drawn_are_not_counted() -> None:
    kinds = [REAL] * 3 + [SYNTHETIC] * 5
    motions = [KindedMotion(each, kind) for each, kind in zip(spoken(), kinds, strict=True)]
    weights = DataKinds(real=1, synthetic=0, static=1)
    assert len(ItemsInMemory(motions, weights)) == 3
    assert len(ItemsInMemory([], weights)) == 0
    with pytest.raises(LampError, match="gives no weight to a kind of clips that is there"):
        len(ItemsInMemory(motions, DataKinds(real=0, synthetic=0, static=1)))


def test_items_of_no_weight_are_refused_in_memory_too() -> None:
    with pytest.raises(LampError, match="gives no weight to a kind of clips that is there"):
        batches(
            ItemsInMemory([KindedMotion(each, SYNTHETIC) for each in spoken()], DataKinds(synthetic=0)), 1
        )
