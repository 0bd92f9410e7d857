"""Items as motion tokens and captions: what a motion language model trains on."""

from collections.abc import Iterable

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.cache import TokenCache
from tasks.stage.process import StageContext
from tasks.stages.inputs.tokens import open_tokens


def spoken_motions(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, split: str, max_tokens: int
) -> list[SpokenMotion]:
    """The items of a split, cut to the longest motion."""
    return spoken(items_of(features, split), open_tokens(stage, features, tokenizer), max_tokens)


def spoken(
    items: Iterable[Item], cache: TokenCache, max_tokens: int, *, with_parts: bool = False
) -> list[SpokenMotion]:
    """Items with their codes, cut to the longest motion, and their captions, those of parts where wanted."""
    return [
        SpokenMotion(
            cache.by_item[item.key][:max_tokens],
            tuple(caption.text for caption in item.captions),
            item.part_captions if with_parts else {},
        )
        for item in items
    ]
