"""Clips of the stage ``features``, normalised.

Shapes: T frames, D feature numbers a frame.
"""

import numpy as np

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING


def normalised(features: FeatureSet, clip_TD: np.ndarray) -> np.ndarray:
    """Return a clip's features, normalised."""
    return np.asarray(features.statistics.normalise(clip_TD), dtype=np.float32)


def normalised_clips(features: FeatureSet, split: str) -> list[np.ndarray]:
    """Return the clips of a split that are long enough for one token, normalised."""
    clips = [features.features[index] for index in features.of_split(split)]
    return [normalised(features, clip_TD) for clip_TD in clips if len(clip_TD) >= DOWNSAMPLING]
