"""Retrieval of motions by texts and of texts by motions, beside chance and oracles that know the labels.

Shapes: N items.
"""

from collections.abc import Sequence

import numpy as np

from lamp_core.evaluation.cache import digest
from lamp_core.evaluation.families.family import Family, Systems, with_floor
from lamp_core.evaluation.oracles import label_groups, label_names, oracle_similarities
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.retrieval import evaluate_retrieval
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.sentence_similarity import sentence_embeddings
from lamp_core.evaluation.trained import Trained
from lamp_core.lamp.minilm import has_minilm
from lamp_core.metrics.recall import scaled_cosine
from lamp_core.systems.capabilities import SIMILARITY


def _measure(systems: Systems, _: OnProgress | None) -> list[Result]:
    trained = systems.trained
    captions = trained.retrieval_captions
    alike_NN = _sentence_similarity(trained, captions)
    every = with_floor(trained.comparing, trained.settings.seed)
    similarities = {name: trained.scores(model) for name, model in every.items()}
    labels = [item.labels for item in trained.every_item]
    oracles = oracle_similarities(labels)
    groups_N = label_groups(labels, label_names(labels)) if oracles else None
    rows = [
        result
        for system, similarity_NN in (similarities | oracles).items()
        for result in evaluate_retrieval(
            similarity_NN,
            captions,
            trained.settings,
            system=system,
            sentence_similarity_NN=alike_NN,
            label_groups_N=groups_N,
        )
    ]
    return list(dict.fromkeys(rows))  # the chance rows come with each system


def _sentence_similarity(trained: Trained, captions: Sequence[str]) -> np.ndarray | None:
    """Of the captions, scaled to 0..1, where a protocol needs it and the extra minilm is there."""
    if not {"threshold", "dissimilar"} & set(trained.settings.protocols) or not has_minilm():
        return None
    key = digest([b"minilm", *(caption.encode() for caption in captions)])
    found = trained.cache.arrays(key, lambda: {"embeddings": sentence_embeddings(captions)})
    return scaled_cosine(found["embeddings"])


RETRIEVAL = Family(
    "retrieval", SIMILARITY, ("full", "distinct", "threshold", "dissimilar", "batches"), _measure
)
