"""Codes and captions' conditions of items: what text to motion and the length estimator train on.

Shapes: N captions, S motion tokens, R channels, P vectors of a caption, W their width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.t2m.token_table import MotionText
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import first_channel
from tasks.stage.process import StageContext
from tasks.stages.inputs.tokens import open_tokens

ConditionsOf = Callable[[LampFeatures], Callable[[Sequence[str]], list[torch.Tensor]]]


@dataclass(frozen=True)
class CaptionedTokens:
    """Items of a split with the codes of each and the conditions of all their captions.

    Args:
        codes: (S,) of the first channel of each, cut to the model's longest motion.
        all_codes: (S, R) of all channels of each, cut likewise.
        conditions: vectors (P, W) of each caption, captions of an item side by side.
        owners_N: item of each caption.
        max_tokens: the model's longest motion.
        codebook_size: codes in the codebook.
        lamp: frozen, which read the captions, and its vocabulary.
    """

    codes: list[torch.Tensor]
    all_codes: list[torch.Tensor]
    conditions: list[torch.Tensor]
    owners_N: torch.Tensor
    max_tokens: int
    codebook_size: int
    lamp: LampFeatures

    @classmethod
    def load(cls, stage: StageContext, split: str, conditions_of: ConditionsOf) -> "CaptionedTokens":
        """Read what text to motion and the length estimator train on.

        Args:
            stage: whose inputs are read.
            split: train, val or test.
            conditions_of: what gives conditions, made from the frozen LaMP.
        """
        features = FeatureSet.load(stage.input("features"))
        tokenizer = load_tokenizer(stage.input("tokenizer"))
        cache = open_tokens(stage, features, tokenizer)
        lamp, words = load_lamp(stage.input("pretrain"))
        items = items_of(features, split)
        longest = lamp.shape.max_tokens
        codes = [torch.from_numpy(cache.by_item[item.key].astype(np.int64)[:longest]) for item in items]
        captions = [caption.text for item in items for caption in item.captions]
        owners = [index for index, item in enumerate(items) for _ in item.captions]
        lamp_features = LampFeatures(lamp.to(stage.device), words)
        return cls(
            [first_channel(codes_SR) for codes_SR in codes],
            codes,
            conditions_of(lamp_features)(captions),
            torch.tensor(owners),
            longest,
            tokenizer.channels[0].codebook_size,
            lamp_features,
        )

    def of_items(self, all_channels: bool = False) -> list[MotionText]:
        """Return each item with its codes, of the first channel or of all, and what its captions say."""
        of_item: list[list[torch.Tensor]] = [[] for _ in self.codes]
        for index, condition_PW in zip(self.owners_N.tolist(), self.conditions, strict=True):
            of_item[index].append(condition_PW)
        codes = self.all_codes if all_channels else self.codes
        return [MotionText(*each) for each in zip(codes, of_item, strict=True)]
