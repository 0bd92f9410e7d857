"""Stage ``retrieval``: index of the test gallery and both-way recall.

By hand: ``python -m tasks.retrieval``.
"""

import numpy as np

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lamp import LampFeatures, load_lamp
from lamp_core.metrics.recall import ranks, recall
from lamp_core.retrieval import Gallery, rerank
from lamp_core.retrieval.gallery import first_captions, random_captions
from lamp_core.tokenizers import load_tokenizer
from tasks.body import StageContext, main
from tasks.inputs import item_latents


def run(stage: StageContext) -> dict[str, float]:
    """Embed the test split, save the index and its similarities, measure recall over the whole gallery."""
    settings = stage.config.retrieval
    features = FeatureSet.load(stage.input("features"))
    items = items_of(features, "test")
    lamp, words = load_lamp(stage.input("pretrain"))
    lamp_features = LampFeatures(lamp.to(stage.device), words)
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    latents = item_latents(tokenizer, features, items, stage.config.pretrain.max_frames)
    texts = [[caption.text for caption in item.captions] for item in items]
    captions = (
        first_captions(texts) if settings.captions == "first" else random_captions(texts, settings.seed)
    )
    clips = [item.clip for item in items]
    gallery = Gallery.embed(lamp_features, clips, latents, captions, settings.similarity)
    scores_NN = gallery.similarity()
    if settings.rerank:
        scores_NN = rerank(scores_NN, lamp_features, latents, captions, settings.rerank)
    gallery.save(stage.output)
    np.save(stage.output / "similarity.npy", scores_NN.numpy())
    return _recall("text_to_motion", scores_NN.numpy()) | _recall("motion_to_text", scores_NN.numpy().T)


def _recall(direction: str, scores_NN: np.ndarray) -> dict[str, float]:
    found = recall(ranks(scores_NN))
    return {
        **{f"{direction}_r{at}": value for at, value in found.at.items()},
        f"{direction}_median_rank": found.median_rank,
    }


if __name__ == "__main__":
    main("retrieval", run)
