"""Stage ``large_motion``: a language model over captions and the channels of motion tokens, every weight.

By hand: ``python -m tasks.stages.large_motion``.
"""

from dataclasses import replace

import numpy as np

from lamp_core.config import LargeMotion
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.errors import LampError
from lamp_core.large_motion.kinds import (
    STATIC,
    KindedMotion,
    check_held_out,
    held_captions,
    held_pose,
    is_held_out,
    kind_of_clip,
    nested_share,
)
from lamp_core.large_motion.starts import from_more_starts
from lamp_core.large_motion.train_items import ItemsInMemory, ItemsInShards, ItemsOfBoth, TrainItems
from lamp_core.large_motion.training import Items, train_large_motion
from lamp_core.m2t.language_model import load_base
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.folder import Origin, save_speaker
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.cache import TokenCache
from lamp_core.tokens.shards import ShardSet
from lamp_core.training.waiting import Waiting
from lamp_core.training.watching import Watching
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.clips import normalised
from tasks.stages.inputs.spoken import spoken
from tasks.stages.inputs.tokens import open_tokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the loss and decoded codes on the validation split."""
    settings = stage.settings(LargeMotion)
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    items, waiting = _items(stage, features, tokenizer, settings), Waiting()
    base = load_base(stage.input("language_model"), stage.device)
    watching = Watching(stage.checkpoints, stage.on_log, stage.on_progress)
    model, words, found = train_large_motion(base, tokenizer, settings, items, watching, waiting)
    stage.end_helpers()
    origin = Origin.of(base, features.skeleton, settings, settings.prompts)
    save_speaker(stage.output, model.language, words, replace(origin, parts=items.train.parts()))
    return found | {
        "trained_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "words_of_motion": len(words.vocabulary),
        "train_items": len(items.train),
        "unseen_items": len(items.unseen),
        **({"waiting_share": waiting.share} if settings.shards else {}),
    }


def _items(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, settings: LargeMotion
) -> Items:
    """Items of the train split, or of shards, and of the val split, those of held-out actions apart."""
    cache = open_tokens(stage, features, tokenizer)
    longest = settings.max_frames // tokenizer.downsampling
    check_held_out(features.labels, settings)
    train, val = items_of(features, "train"), items_of(features, "val")
    unseen = [item for item in (*train, *val) if is_held_out(item.labels, settings)]
    return Items(
        _trained(stage, train, features, cache, tokenizer, settings),
        _spoken([item for item in val if not is_held_out(item.labels, settings)], cache, longest, settings),
        _spoken(unseen, cache, longest, settings),
    )


def _trained(
    stage: StageContext,
    train: list[Item],
    features: FeatureSet,
    cache: TokenCache,
    tokenizer: MotionTokenizer,
    settings: LargeMotion,
) -> TrainItems:
    """The items of the train split, of shards, or of both."""
    if not settings.shards:
        return _in_memory(train, features, cache, tokenizer, settings)
    shards = _shards(stage, tokenizer, settings)
    if not settings.with_train_split:
        return shards
    return ItemsOfBoth(_in_memory(train, features, cache, tokenizer, settings), shards)


def _in_memory(
    train: list[Item],
    features: FeatureSet,
    cache: TokenCache,
    tokenizer: MotionTokenizer,
    settings: LargeMotion,
) -> ItemsInMemory:
    """The items of the train split but those of held-out actions, and poses of them where they are wanted."""
    seen = [item for item in train if not is_held_out(item.labels, settings)]
    if seen:
        seen = [
            seen[place] for place in nested_share(len(seen), settings.train_share, settings.training.seed)
        ]
    kinds = [kind_of_clip(features.dataset, item.labels, settings) for item in seen]
    longest = settings.max_frames // tokenizer.downsampling
    motions = _spoken(seen, cache, longest, settings)
    if settings.starts > 1:
        whole = (normalised(features, item.features_TD) for item in seen)
        motions = from_more_starts(motions, whole, tokenizer, settings)
    trained = list(map(KindedMotion, motions, kinds))
    poses = _static(seen, features, tokenizer, settings) if settings.data.static else []
    return ItemsInMemory([*trained, *poses], settings.data)


def _spoken(items: list[Item], cache: TokenCache, longest: int, settings: LargeMotion) -> list[SpokenMotion]:
    """Items as words, with captions of parts where these are trained on."""
    return spoken(items, cache, longest, with_parts=bool(settings.part_captions.share))


def _shards(stage: StageContext, tokenizer: MotionTokenizer, settings: LargeMotion) -> ItemsInShards:
    """The items of the folder of shards, the same content that the parameters were written for."""
    folder = stage.data.parent / settings.shards
    if settings.held_out:
        raise LampError(
            "large_motion.held_out: shards name no actions; leave it empty, or large_motion.shards"
        )
    shards = ShardSet.open(folder, tokenizer)
    if shards.content_hash != settings.shards_hash:
        raise LampError(f"{folder} is not what params.yaml was written for; `lamp run` notes its content")
    return ItemsInShards(shards, settings)


def _static(
    items: list[Item], features: FeatureSet, tokenizer: MotionTokenizer, settings: LargeMotion
) -> list[KindedMotion]:
    """A pose of each item, held."""
    frames = min(settings.static_frames, settings.max_frames)
    draws = np.random.default_rng(settings.training.seed)
    held = [
        normalised(features, held_pose(item.features_TD, int(draws.integers(item.frames)), frames))
        for item in items
    ]
    codes = encode_clips(tokenizer, held)
    return [
        KindedMotion(SpokenMotion(codes_SR, held_captions(item, settings)), STATIC)
        for codes_SR, item in zip(codes, items, strict=True)
    ]


if __name__ == "__main__":
    main("large_motion", run)
