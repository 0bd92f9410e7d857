"""Stage ``t2m``: the masked motion transformer.

By hand: ``python -m tasks.stages.t2m``.
"""

from collections.abc import Mapping
from functools import partial

from lamp_core.config import Evaluate, TextToMotion
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.evaluation.decoding import DECODED, DecodedValidation, judge_of
from lamp_core.evaluation.protocols.common import protocol_items
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.t2m.conditions import Conditions, RememberedConditions, conditions_of, reader_of
from lamp_core.t2m.folder import save_t2m
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.sampler import Sampling
from lamp_core.t2m.training import Decode, train_t2m, validation_losses
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer, check_first_channel
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captioned_tokens import CaptionedTokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure prediction on the validation split, and decoding where it decides."""
    settings = stage.settings(TextToMotion)
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    check_first_channel(tokenizer)
    conditions = partial(conditions_of, settings, data=stage.data)
    tokens = CaptionedTokens.load(stage, "train", conditions)
    val = CaptionedTokens.load(stage, "val", conditions).of_items()
    decode = None
    if settings.validate_by == "decoding":
        decode = _decoding(stage, conditions(tokens.lamp), tokens.lamp, tokenizer.to(stage.device))
    model = train_t2m(
        tokens.of_items(),
        settings,
        tokens.codebook_size,
        tokens.max_tokens,
        reader=reader_of(settings, tokens.lamp.model),
        device=stage.device,
        validation=val,
        decoded=decode and (decode, DECODED),
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_t2m(stage.output, model)
    bind(stage.output, tokenizer)
    return {
        **(validation_losses(model, val, stage.device) if val else {}),
        **(decode(model) if decode else {}),
    }


def _decoding(
    stage: StageContext, conditions: Conditions, lamp: LampFeatures, tokenizer: MotionTokenizer
) -> Decode | None:
    """What makes motions of validation captions as inference does, and judges them; None without items."""
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

    return decode


if __name__ == "__main__":
    main("t2m", run)
