"""Stage ``pretrain``: LaMP with its four objectives.

By hand: ``python -m tasks.pretrain``.
"""

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lamp import LampFeatures, PretrainItem, pretrain_items, save_lamp, train_lamp
from lamp_core.metrics.recall import ranks, recall
from lamp_core.retrieval import Gallery
from lamp_core.tokenizers import load_tokenizer
from tasks.body import StageContext, main
from tasks.inputs import item_latents, open_tokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split, save, and measure retrieval on the validation split."""
    settings = stage.config.pretrain
    model, words = train_lamp(
        _items(stage, "train"),
        settings,
        stage.config.tokenizer.codes,
        device=stage.device,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    save_lamp(stage.output, model, words)
    return _validate(LampFeatures(model, words), _items(stage, "val"))


def _items(stage: StageContext, split: str) -> list[PretrainItem]:
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    items = items_of(features, split)
    longest = stage.config.pretrain.max_frames
    latents = item_latents(tokenizer, features, items, longest)
    return pretrain_items(items, latents, open_tokens(stage, features, tokenizer), longest)


def _validate(features: LampFeatures, items: list[PretrainItem]) -> dict[str, float]:
    if not items:
        return {}
    gallery = Gallery.embed(
        features,
        [item.clip for item in items],
        [item.latents_SC for item in items],
        [item.captions[0] for item in items],
        "max",
    )
    found = recall(ranks(gallery.similarity().numpy()))
    return {
        "val_gallery": len(items),
        "val_text_to_motion_r10": found.at[10],
        "val_text_to_motion_median_rank": found.median_rank,
    }


if __name__ == "__main__":
    main("pretrain", run)
