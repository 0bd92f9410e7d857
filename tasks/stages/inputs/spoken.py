"""Items as motion tokens and captions: what a motion language model trains on."""

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.tokenizers.protocol import MotionTokenizer
from tasks.stage.process import StageContext
from tasks.stages.inputs.tokens import open_tokens


def spoken_motions(
    stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer, split: str, max_tokens: int
) -> list[SpokenMotion]:
    """The items of a split, cut to the longest motion."""
    cache = open_tokens(stage, features, tokenizer)
    return [
        SpokenMotion(cache.by_item[item.key][:max_tokens], tuple(caption.text for caption in item.captions))
        for item in items_of(features, split)
    ]
