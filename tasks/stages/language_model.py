"""Stage ``language_model``: the causal language model that captions, trained here or taken as it is.

By hand: ``python -m tasks.stages.language_model``.
"""

from lamp_core.config import LanguageModel
from lamp_core.config.base import FROM_SCRATCH
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.m2t.language_model import (
    identity_of,
    load_checkpoint,
    place_of,
    record_base,
)
from lamp_core.m2t.language_model_training import train_language_model, validated
from lamp_core.m2t.own_language_model import save_own
from lamp_core.motion_language.vocabulary import check_causal
from tasks.stage.process import CURVES, StageContext, main
from tasks.stages.inputs.captions import further_texts


def run(stage: StageContext) -> dict[str, float]:
    """Train on the captions of the train split and further texts, or note which model is taken."""
    settings, prompt = stage.settings(LanguageModel), stage.config.m2t.prompt
    if settings.checkpoint != FROM_SCRATCH:
        return _take(stage)
    features = FeatureSet.load(stage.input("features"))
    train, val = _captions(features, "train"), _captions(features, "val")
    texts = further_texts(stage, "language_model")
    sentences, held_out = texts.divided(settings.texts_held_out)
    model, tokenizer = train_language_model(
        [*train, *sentences],
        settings,
        prompt,
        device=stage.device,
        validation=val,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_own(stage.output, model, tokenizer)
    record_base(stage.output, FROM_SCRATCH, identity_of(str(stage.output)))
    return {
        "sentences": len(train) + len(sentences),
        "texts_unreadable": texts.unreadable,
        "vocabulary": len(tokenizer),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **validated(model, tokenizer, prompt, settings, val),
    } | {
        f"held_out_texts_{name.removeprefix('val_')}": value
        for name, value in validated(model, tokenizer, prompt, settings, held_out).items()
    }


def _take(stage: StageContext) -> dict[str, float]:
    """Note the name and the content of a model from elsewhere; its weights stay where they are.

    Raises:
        LampError: there is none, or it looks ahead.
    """
    stage.end_helpers()
    checkpoint = stage.settings(LanguageModel).checkpoint
    base = load_checkpoint(place_of(stage.data.parent, checkpoint), stage.device)
    check_causal(base.model)
    record_base(stage.output, checkpoint, base.identity)
    if not (stage.output / CURVES).exists():
        stage.on_log(0, {"taken_over": 1.0})
    stage.on_progress(1, 1, f"taken from {checkpoint}")
    parameters = sum(parameter.numel() for parameter in base.model.parameters())
    return {"taken_over": 1.0, "parameters": parameters, "vocabulary": len(base.tokenizer)}


def _captions(features: FeatureSet, split: str) -> list[str]:
    return [caption.text for index in features.of_split(split) for caption in features.captions[index]]


if __name__ == "__main__":
    main("language_model", run)
