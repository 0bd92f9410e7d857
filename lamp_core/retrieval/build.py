"""Embed items into a gallery, with the captions and the re-ranking that section ``retrieval`` asks for.

Shapes: N items.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from lamp_core.config.models import Retrieval
from lamp_core.datasets.items import Item
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.retrieval.captions import gallery_captions
from lamp_core.retrieval.gallery import Gallery, rerank
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.protocol import MotionTokenizer


def build_gallery(
    lamp: LampFeatures,
    tokenizer: MotionTokenizer,
    items: Sequence[Item],
    statistics: FeatureStatistics,
    settings: Retrieval,
) -> tuple[Gallery, Tensor]:
    """Return the gallery of the items, and the similarities (N texts, N motions) they are ranked by.

    Args:
        lamp: embeds motions and captions.
        tokenizer: whose latents the model reads.
        items: one caption of each is taken.
        statistics: normalise the items' features.
        settings: similarity over the queries, captions, re-ranking.
    """
    motions = [np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in items]
    latents = latents_of_clips(tokenizer, motions)
    captions = gallery_captions(items, settings)
    gallery = Gallery.embed(lamp, [item.clip for item in items], latents, captions, settings.similarity)
    scores_NN = gallery.similarity()
    if settings.rerank:
        scores_NN = rerank(scores_NN, lamp, latents, captions, settings.rerank)
    return replace(gallery, reranked=settings.rerank), scores_NN
