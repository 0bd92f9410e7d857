"""Items as motion tokens and captions: what a motion language model trains on."""

from collections.abc import Iterable

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of, wordless_items
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.cache import TokenCache
from tasks.stage.process import StageContext
from tasks.stages.inputs.tokens import open_tokens


def spoken_motions(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, split: str, max_tokens: int
) -> list[SpokenMotion]:
    """The items of a split, cut to the longest motion, in the channels of the tokenizer."""
    cache = open_tokens(stage, features, tokenizer)
    return spoken(items_of(features, split), cache, max_tokens, len(tokenizer.channels))


def wordless_motions(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, split: str, max_tokens: int
) -> list[SpokenMotion]:
    """The clips of a split that have no caption, as `spoken_motions`."""
    cache = open_tokens(stage, features, tokenizer)
    return spoken(wordless_items(features, split), cache, max_tokens, len(tokenizer.channels))


def spoken(
    items: Iterable[Item],
    cache: TokenCache,
    max_tokens: int,
    channels: int | None = None,
    *,
    with_parts: bool = False,
) -> list[SpokenMotion]:
    """Items with their codes, cut to the longest motion and to leading channels, and their captions.

    Args:
        items: of a split.
        cache: with their codes.
        max_tokens: of the longest motion.
        channels: how many leading channels are said; all without it.
        with_parts: captions of parts too.
    """
    return [
        SpokenMotion(
            cache.by_item[item.key][:max_tokens, :channels],
            tuple(caption.text for caption in item.captions),
            item.part_captions if with_parts else {},
        )
        for item in items
    ]
