"""What the phases train on, of the items of a split."""

from collections.abc import Sequence

import numpy as np

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item
from lamp_core.lexical.batches import LexicalItem


def lexical_items(features: FeatureSet, items: Sequence[Item], max_frames: int) -> list[LexicalItem]:
    """The items normalised, cut to ``max_frames``."""
    return [
        LexicalItem(
            item.clip,
            np.asarray(features.statistics.normalise(item.features_TD[:max_frames]), dtype=np.float32),
            tuple(caption.text for caption in item.captions),
        )
        for item in items
    ]
