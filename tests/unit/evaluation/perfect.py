"""Items whose captions name their motion, and an evaluator that is never wrong about them."""

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.r_precision import matching_scores
from lamp_core.skeleton.skeleton import load_skeleton

SKELETON = load_skeleton("smpl22")
WIDTH = SKELETON.feature_count
STATISTICS = FeatureStatistics(np.full(WIDTH, 0.02, dtype=np.float32), np.full(WIDTH, 0.1, dtype=np.float32))
COUNT = 128
SETTINGS = Evaluate(
    repeats=4,
    generations=4,
    diversity_pairs=100,
    multimodality_texts=10,
    multimodality_motions=6,
    multimodality_pairs=3,
    completions=2,
    seed=1,
)


class CodeEvaluator:
    """A perfect evaluator: a motion's embedding is its mean; a caption ends with the number of its motion."""

    def __init__(self, items, label="perfect", prefix=""):
        self.means = [STATISTICS.normalise(item.features_TD).mean(axis=0)[:16] for item in items]
        self.label, self.prefix = label, prefix
        self.calls = 0

    def embed_motions(self, motions):
        self.calls += 1
        return np.stack([np.asarray(motion).mean(axis=0)[:16] for motion in motions])

    def embed_texts(self, captions):
        return np.stack([self.means[int(caption.words[-1])] for caption in captions])

    def matching_scores(self, texts, motions, generator, batch_size, counting="unbiased"):
        return matching_scores(texts, motions, generator, batch_size, counting=counting)


def make_items(count=COUNT, seed=0):
    draws = np.random.default_rng(seed)
    items = []
    for index in range(count):
        features = draws.normal(0.02, 0.1, size=(40 + 4 * (index % 3), WIDTH)) + draws.normal(
            0, 0.1, size=WIDTH
        )
        captions = tuple(
            Caption(f"{phrase} {index}", (phrase, str(index)), ("X", "NUM"), 0.0, 0.0)
            for phrase in ("he", "she")
        )
        items.append(Item(f"clip-{index}", 0, features.astype(np.float32), captions))
    return items


ITEMS = make_items()
TRUE = [STATISTICS.normalise(item.features_TD) for item in ITEMS]
