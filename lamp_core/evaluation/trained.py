"""The trained models below a project's data folder, each loaded when it is first needed.

Shapes: N items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamp_core.config.evaluation import Evaluate
from lamp_core.config.models import Config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.evaluation.cache import EmbeddingCache, folder_digest
from lamp_core.evaluation.protocols.common import MotionTextEvaluator, protocol_items
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.minilm import MiniLMEvaluator
from lamp_core.metrics.captions import novel_captions
from lamp_core.retrieval.captions import gallery_captions
from lamp_core.systems.capabilities import (
    CAPTION,
    COMPLETE,
    CONTROL,
    GENERATE,
    RECONSTRUCT,
    SIMILARITY,
    Captions,
    Compares,
    Completes,
    Controls,
    Generates,
    Reconstructs,
)
from lamp_core.systems.model import Model, trained_models, with_capability

TRAIN = "train"
TEST = "test"
ALL = "all"


@dataclass(frozen=True)
class Trained:
    """Everything that is measured, and what measures it.

    Args:
        data: the project's data folder.
        config: the parameters.
        features: the data set that is measured on; its statistics are those the models were trained with.
        device: where the models run.
        models: that are measured, of the catalogue; those that are trained, when they are asked for.
        split: of the items, or ``all``.
        own_data: whether the models were trained on this data set.
        cache_folder: where embeddings outlive the process; nowhere without it.
    """

    data: Path
    config: Config
    features: FeatureSet
    device: torch.device
    models: Sequence[Model]
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

    @property
    def known_captions(self) -> float:
        """Share of the items' captions that stand word for word in the train split."""
        captions = [caption.text for item in self.every_item for caption in item.captions]
        return 1.0 - float(novel_captions(captions, self.training_captions).mean()) if captions else 0.0

    @cached_property
    def guo(self) -> GuoEvaluator:
        """The dual encoder, told what normalises the motions."""
        return GuoEvaluator.load(self.data / "evaluator", self.device).reading(self.features.statistics)

    @cached_property
    def reconstructing(self) -> Mapping[str, Reconstructs]:
        """What gives motions back, by its name; LampError as `trained_models`, as all below.

        Nothing where none of the models could, trained or not.
        """
        return {model.name: model for model in self._loaded(RECONSTRUCT).values()}

    @cached_property
    def generating(self) -> Mapping[str, Generates]:
        """What makes motions of texts."""
        return self._loaded(GENERATE)

    @cached_property
    def completing(self) -> Mapping[str, Completes]:
        """What completes motions."""
        return self._loaded(COMPLETE)

    @cached_property
    def controlling(self) -> Mapping[str, Controls]:
        """What makes motions of texts and poses."""
        return self._loaded(CONTROL)

    @cached_property
    def captioning(self) -> Mapping[str, Captions]:
        """What captions motions; empty where nothing that does is trained."""
        able = with_capability(self.models, CAPTION)
        return self._loaded(CAPTION) if any(model.is_trained(self.data) for model in able) else {}

    @cached_property
    def comparing(self) -> Mapping[str, Compares]:
        """What compares texts and motions."""
        return self._loaded(SIMILARITY)

    def _loaded(self, capability: str) -> dict[str, Any]:
        if not with_capability(self.models, capability):
            return {}
        found = trained_models(self.models, self.data, capability)
        return {model.name: self._load(model) for model in found}

    def _load(self, model: Model) -> Any:
        """Once for all of its capabilities."""
        if model.name not in self._models:
            self._models[model.name] = model.load(self.data, self.device)
        return self._models[model.name]

    @cached_property
    def _models(self) -> dict[str, Any]:
        return {}

    @cached_property
    def further_evaluators(self) -> list[MotionTextEvaluator]:
        """The second opinion where it was trained, and models that measure others.

        Those not where ``evaluate.lamp_evaluator`` is off.
        """
        second = MiniLMEvaluator.beside(self.data / "evaluator", self.device)
        comparing = self.comparing.values() if self.settings.lamp_evaluator else ()
        found = (second, *(model.evaluator() for model in comparing))
        return [evaluator for evaluator in found if evaluator is not None]

    @cached_property
    def cache(self) -> EmbeddingCache:
        """Embeddings of the test items, under the hash of who embeds them: a model by its name, or an
        evaluator by its label."""
        made_of = {model.name: model.made_of for model in self.models}
        made_of |= {model.evaluates_as: model.made_of for model in self.models if model.evaluates_as}

        def identity_of(label: str) -> str:
            return folder_digest(*(self.data / stage for stage in made_of.get(label, ("evaluator",))))

        return EmbeddingCache(identity_of, self.cache_folder)

    @cached_property
    def retrieval_captions(self) -> list[str]:
        """The caption of every item that retrieval compares with the motions."""
        return gallery_captions(self.every_item, self.config.retrieval)

    def scores(self, model: Compares) -> np.ndarray:
        """What retrieval ranks by: (N texts, N motions) of every item.

        Those of the own test split are taken as the model's stage wrote them.
        """
        if self.own_data and self.split == TEST:
            stored = model.stored_scores()
            if stored is not None and stored[0] == self.retrieval_captions:
                return stored[1]
        statistics = self.features.statistics
        motions = [
            np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in self.every_item
        ]
        return model.scores(self.retrieval_captions, motions)
