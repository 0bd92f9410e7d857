"""What several stages read in the same way: normalised clips, items and their tokens.

Shapes: T frames, D feature numbers a frame, S motion tokens, C code width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING, Item, items_of
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer, first_channel
from lamp_core.tokens.cache import TokenCache, read_tokens
from tasks.stage.process import StageContext

ConditionsOf = Callable[[LampFeatures], Callable[[Sequence[str]], torch.Tensor]]


def normalised(features: FeatureSet, clip_TD: np.ndarray) -> np.ndarray:
    """Return a clip's features, normalised."""
    return np.asarray(features.statistics.normalise(clip_TD), dtype=np.float32)


def normalised_clips(features: FeatureSet, split: str) -> list[np.ndarray]:
    """Return the clips of a split that are long enough for one token, normalised."""
    clips = [features.features[index] for index in features.of_split(split)]
    return [normalised(features, clip_TD) for clip_TD in clips if len(clip_TD) >= DOWNSAMPLING]


def open_tokens(stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer) -> TokenCache:
    """Read the token cache that belongs to these features and this tokenizer."""
    return read_tokens(
        stage.input("tokens") / "tokens.parquet",
        tokenizer,
        feature_hash=features.feature_hash,
        split_hash=features.split_hash,
    )


def item_latents(
    tokenizer: MotionTokenizer, features: FeatureSet, items: Sequence[Item], max_frames: int
) -> list[torch.Tensor]:
    """Return the latents (S, C) of each item's first ``max_frames``."""
    latents = latents_of_clips(tokenizer, [normalised(features, item.features_TD) for item in items])
    return [latents_SC[: max_frames // tokenizer.downsampling] for latents_SC in latents]


@dataclass(frozen=True)
class CaptionedTokens:
    """Items of a split with the codes of each and the conditions of all their captions.

    Args:
        codes: (S,) each, cut to the model's longest motion.
        conditions_NW: one row a caption, captions of an item side by side.
        owners_N: item of each caption.
        max_tokens: the model's longest motion.
        codebook_size: codes in the codebook.
    """

    codes: list[torch.Tensor]
    conditions_NW: torch.Tensor
    owners_N: torch.Tensor
    max_tokens: int
    codebook_size: int

    @classmethod
    def load(
        cls, stage: StageContext, split: str, conditions_of: ConditionsOf | None = None
    ) -> "CaptionedTokens":
        """Read what text to motion and the length estimator train on.

        Args:
            stage: whose inputs are read.
            split: train, val or test.
            conditions_of: what gives conditions, made from the frozen LaMP; the queries that read the text
                without it.
        """
        features = FeatureSet.load(stage.input("features"))
        tokenizer = load_tokenizer(stage.input("tokenizer"))
        cache = open_tokens(stage, features, tokenizer)
        lamp, words = load_lamp(stage.input("pretrain"))
        items = items_of(features, split)
        longest = lamp.shape.max_tokens
        codes = [first_channel(cache.by_item[item.key]).astype(np.int64)[:longest] for item in items]
        captions = [caption.text for item in items for caption in item.captions]
        owners = [index for index, item in enumerate(items) for _ in item.captions]
        lamp_features = LampFeatures(lamp.to(stage.device), words)
        conditions = conditions_of(lamp_features) if conditions_of else lamp_features.conditions
        return cls(
            [torch.from_numpy(codes_S) for codes_S in codes],
            conditions(captions),
            torch.tensor(owners),
            longest,
            tokenizer.channels[0].codebook_size,
        )

    def conditions_of(self, index: int) -> torch.Tensor:
        """Return the conditions of one item's captions."""
        return self.conditions_NW[self.owners_N == index]
