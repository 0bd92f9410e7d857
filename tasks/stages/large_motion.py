"""Stage ``large_motion``: a language model over captions and the channels of motion tokens, every weight.

By hand: ``python -m tasks.stages.large_motion``.
"""

import numpy as np

from lamp_core.config import LargeMotion
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.large_motion.kinds import (
    STATIC,
    KindedMotion,
    check_held_out,
    held_pose,
    is_held_out,
    kind_of_clip,
    nested_share,
)
from lamp_core.large_motion.training import Items, train_large_motion
from lamp_core.m2t.language_model import load_base
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.folder import Origin, save_speaker
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
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
    items = _items(stage, features, tokenizer, settings)
    base = load_base(stage.input("language_model"), stage.device)
    watching = Watching(stage.checkpoints, stage.on_log, stage.on_progress)
    model, words, found = train_large_motion(base, tokenizer, settings, items, watching)
    stage.end_helpers()
    origin = Origin.of(base, features.skeleton, settings, settings.prompts)
    save_speaker(stage.output, model.language, words, origin)
    return found | {
        "trained_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "words_of_motion": len(words.vocabulary),
        "train_items": len(items.train),
        "unseen_items": len(items.unseen),
    }


def _items(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, settings: LargeMotion
) -> Items:
    """Items of the train and the val split, those of held-out actions apart."""
    cache = open_tokens(stage, features, tokenizer)
    longest = settings.max_frames // tokenizer.downsampling
    check_held_out(features.labels, settings)
    train, val = items_of(features, "train"), items_of(features, "val")
    unseen = [item for item in (*train, *val) if is_held_out(item.labels, settings)]
    seen = [item for item in train if not is_held_out(item.labels, settings)]
    if seen:
        seen = [
            seen[place] for place in nested_share(len(seen), settings.train_share, settings.training.seed)
        ]
    kinds = [kind_of_clip(features.dataset, item.labels, settings) for item in seen]
    trained = list(map(KindedMotion, spoken(seen, cache, longest), kinds))
    return Items(
        [*trained, *(_static(seen, features, tokenizer, settings) if settings.data.static else [])],
        spoken([item for item in val if not is_held_out(item.labels, settings)], cache, longest),
        spoken(unseen, cache, longest),
    )


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
        KindedMotion(SpokenMotion(codes_SR, tuple(caption.text for caption in item.captions)), STATIC)
        for codes_SR, item in zip(codes, items, strict=True)
    ]


if __name__ == "__main__":
    main("large_motion", run)
