"""Stage ``lexical_contrast``: LexCMLP, motion and text in one vocabulary (phase 4).

The stages ``lexical_direct`` (lexical vectors without the phases before) and ``lexical_dense`` (dense
vectors of the same encoders) are this one with sections of their own.

By hand: ``python -m tasks.stages.lexical_contrast``.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from lamp_core.config import LexicalContrast
from lamp_core.config.lexical import PHASES
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import LexicalItem
from lamp_core.lexical.contrast_training import VALIDATED, train_contrast
from lamp_core.lexical.folder import joined, load_lexical, represented, save_lexical
from lamp_core.lexical.items import lexical_items
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.motion_encoder import MotionEncoder, MotionShape
from lamp_core.lexical.text_start import new_text
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.zero import start_with
from lamp_core.metrics.recall import places, recall
from lamp_core.training.seeds import seed_everything
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captions import captions_of, further_texts


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split, save, and measure retrieval on the validation split."""
    settings = stage.settings(LexicalContrast)
    features = FeatureSet.load(stage.input("features"))
    model, tokenizer = _start(stage, settings, features)
    model = model.to(stage.device)
    train, val = (
        lexical_items(features, items_of(features, split), model.shape.motion.max_frames)
        for split in ("train", "val")
    )
    if settings.start_words and settings.start == PHASES and model.is_lexical and train:
        start_with(settings.start_words, model, tokenizer, train)
    vectors = LexicalVectors(model, tokenizer)
    train_contrast(
        model,
        tokenizer,
        train,
        settings,
        validation=partial(_validate, vectors, val) if val else None,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_lexical(stage.output, model, tokenizer)
    return _validate(vectors, val) if val else {}


def _start(
    stage: StageContext, settings: LexicalContrast, features: FeatureSet
) -> tuple[LexicalModel, TextTokenizer]:
    """The encoders of the phases before, or such as these start from, with the same vocabulary."""
    if settings.start == PHASES:
        model, tokenizer = load_lexical(stage.input("lexical_bridge"))
        return represented(model, settings), tokenizer
    seed, section = settings.training.seed, stage.config.lexical_text
    seed_everything(seed)
    captions = [*captions_of(features, "train"), *further_texts(stage, "lexical_text").sentences]
    text, tokenizer = new_text(section, captions)
    motion = MotionEncoder(MotionShape.of(stage.config.lexical_motion, features.skeleton))
    return represented(joined(text, motion, seed), settings), tokenizer


def _validate(vectors: LexicalVectors, items: Sequence[LexicalItem]) -> dict[str, float]:
    """Recall of the whole split, the first caption of each clip; its sum decides which weights are kept."""
    motion_NV = vectors.motion_weights([item.features_TD for item in items])
    text_NV = vectors.text_weights([item.captions[0] for item in items])
    similarity_NN = units(text_NV) @ units(motion_NV).T
    text_to_motion, motion_to_text = recall(places(similarity_NN)), recall(places(similarity_NN.T))
    measured = {
        "val_gallery": float(len(items)),
        "val_text_to_motion_r10": text_to_motion.at[10],
        "val_text_to_motion_median_rank": text_to_motion.median_rank,
        VALIDATED: sum(found.at[k] for found in (text_to_motion, motion_to_text) for k in (1, 5, 10)),
    }
    if vectors.model.is_lexical:
        measured |= {"val_motion_terms": _terms(motion_NV), "val_text_terms": _terms(text_NV)}
    return measured


def _terms(weights_NV: np.ndarray) -> float:
    """Mean number of words of a vector."""
    return float((weights_NV > 0).sum(axis=1).mean())


if __name__ == "__main__":
    main("lexical_contrast", run)
