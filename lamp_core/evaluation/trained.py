"""The trained models below a project's data folder, each loaded when it is first needed.

Shapes: N items.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamp_core.config.models import Config, Evaluate
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.evaluation.cache import EmbeddingCache, folder_digest
from lamp_core.evaluation.protocols.common import MotionTextEvaluator, protocol_items
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.lamp import LampEvaluator
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp, untrained_copy
from lamp_core.retrieval.build import build_gallery
from lamp_core.retrieval.gallery import Gallery
from lamp_core.t2m.generator import MotionGenerator, load_generator
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer

if TYPE_CHECKING:
    from lamp_core.m2t.captioner import Captioner

TRAIN = "train"
TEST = "test"
ALL = "all"
LAMP_M2T = "LaMP-M2T"
CAPTIONING_STAGES = ("tokenizer", "pretrain", "language_model", "m2t")
"""What LaMP-M2T is made of; it says other things when one of them changes."""


@dataclass(frozen=True)
class Trained:
    """Everything that is measured, and what measures it.

    Args:
        data: the project's data folder.
        config: the parameters.
        features: the data set that is measured on; its statistics are those the models were trained with.
        device: where the models run.
        split: of the items, or ``all``.
        own_data: whether the models were trained on this data set.
        cache_folder: where embeddings outlive the process; nowhere without it.
    """

    data: Path
    config: Config
    features: FeatureSet
    device: torch.device
    split: str = TEST
    own_data: bool = True
    cache_folder: Path | None = None

    @property
    def settings(self) -> Evaluate:
        """The section ``evaluate``."""
        return self.config.evaluate

    @cached_property
    def every_item(self) -> list[Item]:
        """Items of the split, of any length: the gallery of retrieval."""
        return items_of(self.features, None if self.split == ALL else self.split)

    @cached_property
    def items(self) -> list[Item]:
        """Items of the split within the protocol's range of lengths."""
        return protocol_items(self.every_item, self.features.skeleton.frames_per_second, self.settings)

    @cached_property
    def training_captions(self) -> list[str]:
        """Texts of all captions of the train split that the models were trained on."""
        features = self.features if self.own_data else FeatureSet.load(self.data / "features")
        places = features.of_split(TRAIN)
        return [caption.text for place in places for caption in features.captions[place]]

    @cached_property
    def tokenizer(self) -> MotionTokenizer:
        """The trained tokenizer."""
        return load_tokenizer(self.data / "tokenizer").to(self.device)

    @cached_property
    def generator(self) -> MotionGenerator:
        """LaMP-T2M with all that it needs."""
        return load_generator(self.data, self.device)

    @cached_property
    def lamp(self) -> LampFeatures:
        """The pretrained model."""
        model, words = load_lamp(self.data / "pretrain")
        return LampFeatures(model.to(self.device), words)

    @property
    def has_captioner(self) -> bool:
        """Whether the stage ``m2t`` has run."""
        return (self.data / "m2t").is_dir()

    @cached_property
    def captioner(self) -> "Captioner":
        """LaMP-M2T with all that it needs."""
        from lamp_core.m2t.captioner import load_captioner

        return load_captioner(self.data, self.device)

    @cached_property
    def untrained_lamp(self) -> LampFeatures:
        """A model of the same shape with random weights."""
        return LampFeatures(untrained_copy(self.lamp.model).to(self.device), self.lamp.tokenizer)

    @cached_property
    def guo(self) -> GuoEvaluator:
        """The dual encoder, told what normalises the motions."""
        return GuoEvaluator.load(self.data / "evaluator", self.device).reading(self.features.statistics)

    @cached_property
    def further_evaluators(self) -> list[MotionTextEvaluator]:
        """LaMP itself, unless ``evaluate.lamp_evaluator`` is off."""
        return [LampEvaluator(self.lamp, self.tokenizer)] if self.settings.lamp_evaluator else []

    @cached_property
    def cache(self) -> EmbeddingCache:
        """Embeddings of the test items."""
        folders = {LampEvaluator.label: ("pretrain", "tokenizer"), LAMP_M2T: CAPTIONING_STAGES}

        def identity_of(label: str) -> str:
            return folder_digest(*(self.data / stage for stage in folders.get(label, ("evaluator",))))

        return EmbeddingCache(identity_of, self.cache_folder)

    @cached_property
    def gallery(self) -> tuple[Gallery, np.ndarray]:
        """The gallery of the split and its similarities (N texts, N motions).

        That of the own test split is what the stage ``retrieval`` wrote.
        """
        if self.own_data and self.split == TEST:
            folder = self.data / "retrieval"
            return Gallery.load(folder), np.load(folder / "similarity.npy")
        gallery, scores_NN = self.embedded_gallery(self.lamp)
        return gallery, scores_NN

    def embedded_gallery(self, lamp: LampFeatures) -> tuple[Gallery, np.ndarray]:
        """Embed the split's items by a model of LaMP's shape."""
        settings, statistics = self.config.retrieval, self.features.statistics
        gallery, scores_NN = build_gallery(lamp, self.tokenizer, self.every_item, statistics, settings)
        return gallery, scores_NN.numpy()
