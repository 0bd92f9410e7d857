"""The nearest neighbour in the train split, measured beside the models; nothing trains it."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.evaluation.baselines import NEIGHBOUR
from lamp_core.lamp.minilm import has_minilm
from lamp_core.systems.capabilities import CAPTION, COMPLETE, CONTROL, GENERATE
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.evaluation.neighbours import NearestNeighbour


def _neighbour(data: Path, device: "torch.device") -> "NearestNeighbour":
    from lamp_core.datasets.features_store import FeatureSet
    from lamp_core.datasets.items import items_of
    from lamp_core.evaluation.neighbours import NearestNeighbour
    from lamp_core.tokenizers.folder import load_tokenizer

    features = FeatureSet.load(data / "features")
    tokenizer = load_tokenizer(data / "tokenizer").to(device)
    return NearestNeighbour(items_of(features, "train"), features.statistics, tokenizer)


NEAREST = Model(
    NEIGHBOUR,
    "features",
    (*((GENERATE,) if has_minilm() else ()), COMPLETE, CONTROL, CAPTION),
    _neighbour,
    ("features", "tokenizer"),
)
"""Of texts it needs the sentence encoder of the extra `minilm`."""
