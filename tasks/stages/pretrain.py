"""Stage ``pretrain``: LaMP with its four objectives.

By hand: ``python -m tasks.stages.pretrain``.
"""

from functools import partial

from lamp_core.config import Pretrain
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.errors import LampError
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import save_lamp
from lamp_core.lamp.pretrained import take_over
from lamp_core.lamp.sentences import NO_ENCODER, sentence_vectors
from lamp_core.lamp.training import VALIDATED, PretrainItem, pretrain_items, train_lamp
from lamp_core.metrics.recall import places, recall
from lamp_core.retrieval.gallery import Gallery
from lamp_core.tokenizers.folder import load_tokenizer
from tasks.dvc.content import folder_hash
from tasks.stage.process import CURVES, StageContext, main
from tasks.stages.inputs.latents import item_latents
from tasks.stages.inputs.tokens import open_tokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split, save, and measure retrieval on the validation split; or take a LaMP over."""
    settings = stage.settings(Pretrain)
    if settings.pretrained:
        return _take_over(stage)
    train, val = _items(stage, "train"), _items(stage, "val")
    model, words = train_lamp(
        train,
        settings,
        load_tokenizer(stage.input("tokenizer")).channels[0].codebook_size,
        device=stage.device,
        validation=partial(_validate, val) if val else None,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_lamp(stage.output, model, words)
    if settings.sentence_encoder != NO_ENCODER:
        vectors = sentence_vectors(settings.sentence_encoder, stage.device)
        vectors.save(stage.output, [caption for item in train for caption in item.captions])
    return _validate(val, LampFeatures(model, words)) if val else {}


def _take_over(stage: StageContext) -> dict[str, float]:
    """Take the LaMP that was pretrained elsewhere, the same content that the parameters were written for."""
    stage.end_helpers()
    settings = stage.settings(Pretrain)
    folder = stage.data.parent / settings.pretrained
    if folder_hash(folder) != settings.pretrained_hash:
        raise LampError(f"{folder} is not what params.yaml was written for; `lamp run` notes its content")
    shape = take_over(folder, stage.output, load_tokenizer(stage.input("tokenizer")).latent_dim)
    if not (stage.output / CURVES).exists():
        stage.on_log(0, {"taken_over": 1.0})
    stage.on_progress(1, 1, f"taken from {settings.pretrained}")
    return {"taken_over": 1.0, "queries": shape.queries}


def _items(stage: StageContext, split: str) -> list[PretrainItem]:
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    items = items_of(features, split)
    longest = stage.settings(Pretrain).max_frames
    latents = item_latents(tokenizer, features, items, longest)
    return pretrain_items(items, latents, open_tokens(stage, features, tokenizer), longest)


def _validate(items: list[PretrainItem], features: LampFeatures) -> dict[str, float]:
    """Recall of the whole split, the first caption of each clip; its sum decides which weights are kept."""
    gallery = Gallery.embed(
        features,
        [item.clip for item in items],
        [item.latents_SC for item in items],
        [item.captions[0] for item in items],
        "max",
    )
    similarity_NN = gallery.similarity().numpy()
    text_to_motion, motion_to_text = recall(places(similarity_NN)), recall(places(similarity_NN.T))
    return {
        "val_gallery": len(items),
        "val_text_to_motion_r10": text_to_motion.at[10],
        "val_text_to_motion_median_rank": text_to_motion.median_rank,
        VALIDATED: sum(found.at[k] for found in (text_to_motion, motion_to_text) for k in (1, 5, 10)),
    }


if __name__ == "__main__":
    main("pretrain", run)
