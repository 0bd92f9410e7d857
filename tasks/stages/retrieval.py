"""Stage ``retrieval``: index of the test gallery and both-way recall.

By hand: ``python -m tasks.stages.retrieval``.
"""

import numpy as np

from lamp_core.config import Retrieval
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.metrics.recall import places, recall
from lamp_core.retrieval.build import build_gallery
from lamp_core.retrieval.gallery import SCORES
from lamp_core.tokenizers.folder import load_tokenizer
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Embed the test split, save the index and its similarities, measure recall over the whole gallery."""
    features = FeatureSet.load(stage.input("features"))
    lamp, words = load_lamp(stage.input("pretrain"))
    gallery, scores = build_gallery(
        LampFeatures(lamp.to(stage.device), words),
        load_tokenizer(stage.input("tokenizer")).to(stage.device),
        items_of(features, "test"),
        features.statistics,
        stage.settings(Retrieval),
    )
    scores_NN = scores.numpy()
    gallery.save(stage.output)
    np.save(stage.output / SCORES, scores_NN)
    return _recall("text_to_motion", scores_NN) | _recall("motion_to_text", scores_NN.T)


def _recall(direction: str, scores_NN: np.ndarray) -> dict[str, float]:
    found = recall(places(scores_NN))
    return {
        **{f"{direction}_r{at}": value for at, value in found.at.items()},
        f"{direction}_median_rank": found.median_rank,
    }


if __name__ == "__main__":
    main("retrieval", run)
