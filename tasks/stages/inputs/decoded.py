"""Validation of text to motion by decoding: what stage ``t2m`` reads where that decides.

Of a residual tokenizer the first layer alone is decoded, since what fills the others is trained later.
"""

from collections.abc import Mapping

from lamp_core.config import Evaluate, TextToMotion
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.evaluation.decoding import DECODED, DecodedValidation, judge_of
from lamp_core.evaluation.protocols.common import protocol_items
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.t2m.conditions import Conditions, RememberedConditions
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.sampler import Sampling
from lamp_core.t2m.training import Decode
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.protocol import MotionTokenizer
from tasks.stage.process import StageContext


def decoding(
    stage: StageContext, conditions: Conditions, lamp: LampFeatures, tokenizer: MotionTokenizer
) -> tuple[Decode, str] | None:
    """What makes and judges motions of validation captions, and what decides; None without captions."""
    features, protocol = FeatureSet.load(stage.input("features")), Evaluate()
    items = protocol_items(items_of(features, "val"), features.skeleton.frames_per_second, protocol)
    if not items:
        return None
    settings = stage.settings(TextToMotion)
    judge = judge_of(stage.data / settings.judged_from, features.statistics, stage.device)
    validation = DecodedValidation.of(items, features.statistics, judge, protocol)
    sampling = Sampling.of(settings)
    remembered = RememberedConditions(conditions)

    def decode(model: MaskedMotionTransformer) -> Mapping[str, float]:
        generator = MotionGenerator(lamp, remembered, None, model, tokenizer, sampling)
        return validation.measure(
            lambda captions, frames, seed: generator.generate([each.text for each in captions], frames, seed)
        )

    return decode, DECODED
