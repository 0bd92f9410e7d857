"""Stage ``m2t``: captions of motions by a language model with LoRA.

By hand: ``python -m tasks.stages.m2t``.
"""

from lamp_core.config import MotionToText
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING, items_of
from lamp_core.lamp.folder import load_lamp
from lamp_core.m2t.folder import save_m2t
from lamp_core.m2t.language_model import load_base
from lamp_core.m2t.training import (
    CaptionedMotion,
    CaptionTable,
    train_m2t,
    trained_parameters,
    validation_loss,
)
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.latents import item_latents


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the captions' loss on the validation split."""
    settings = stage.settings(MotionToText)
    features = FeatureSet.load(stage.input("features"))
    lamp, _ = load_lamp(stage.input("pretrain"))
    base = load_base(stage.input("language_model"), stage.device, settings.quantise)
    train, val = (_items(stage, features, split, lamp.shape.max_tokens) for split in ("train", "val"))
    model = train_m2t(
        train,
        settings,
        base,
        lamp.to(stage.device),
        device=stage.device,
        validation=val,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_m2t(stage.output, model, base.identity, features.skeleton)
    bind(stage.output, load_tokenizer(stage.input("tokenizer")))
    measured = validation_loss(model, CaptionTable(val, model)) if val else {}
    return measured | {
        "captions": sum(len(item.captions) for item in train),
        "trained_parameters": trained_parameters(model),
    }


def _items(stage: StageContext, features: FeatureSet, split: str, longest: int) -> list[CaptionedMotion]:
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    items = items_of(features, split)
    latents = item_latents(tokenizer, features, items, longest * DOWNSAMPLING)
    return [
        CaptionedMotion(latents_SC, tuple(caption.text for caption in item.captions))
        for item, latents_SC in zip(items, latents, strict=True)
    ]


if __name__ == "__main__":
    main("m2t", run)
