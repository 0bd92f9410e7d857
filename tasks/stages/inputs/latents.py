"""Latents of items, by the tokenizer before its codebook.

Shapes: S motion tokens, C code width.
"""

from collections.abc import Sequence

import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.protocol import MotionTokenizer
from tasks.stages.inputs.clips import normalised


def item_latents(
    tokenizer: MotionTokenizer, features: FeatureSet, items: Sequence[Item], max_frames: int
) -> list[torch.Tensor]:
    """Return the latents (S, C) of each item's first ``max_frames``."""
    latents = latents_of_clips(tokenizer, [normalised(features, item.features_TD) for item in items])
    return [latents_SC[: max_frames // tokenizer.downsampling] for latents_SC in latents]
