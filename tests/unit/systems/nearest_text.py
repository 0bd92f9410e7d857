"""A second text-to-motion model, a small one: the training motion whose caption is most like the text.

What a model costs: its module with the capability (this file), its line in the catalogue (`NEAREST`), its
stage, its section of parameters with the rows of the profiles, and its test. All of it is put into a copy of
the project by `tests/tasks/stages/test_second_model.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.metrics.captions import caption_words
from lamp_core.systems.capabilities import GENERATE
from lamp_core.systems.model import Model

STAGE = "nearest_text"


def train_nearest(features: FeatureSet, output: Path, longest_frames: int) -> None:
    """Remember the motions of the train split, and the captions of each."""
    items = [item for item in items_of(features, "train") if item.frames <= longest_frames]
    motions = [features.statistics.normalise(item.features_TD) for item in items]
    np.savez(output / "motions.npz", *motions)
    captions = [[caption.text for caption in item.captions] for item in items]
    config = {"longest_frames": longest_frames, "captions": captions}
    (output / "config.json").write_text(json.dumps(config))


@dataclass(frozen=True)
class NearestText:
    """The capability `generate`: words in common decide."""

    motions: Sequence[np.ndarray]
    words: Sequence[set[str]]
    longest_frames: int

    def lengths(self, texts: Sequence[str], seed: int) -> list[int]:
        """The lengths of the motions that are nearest."""
        return [len(self.motions[self._nearest(text, seed)]) for text in texts]

    def generate(self, texts: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """The nearest motions, cut, or with their last frame held."""
        return [
            np.pad(motion_TD[:count], ((0, max(0, count - len(motion_TD))), (0, 0)), mode="edge")
            for text, count in zip(texts, frames, strict=True)
            for motion_TD in [self.motions[self._nearest(text, seed)]]
        ]

    def _nearest(self, text: str, seed: int) -> int:
        wanted = set(caption_words(text))
        alike = np.array([len(wanted & words) / max(1, len(wanted | words)) for words in self.words])
        best = np.flatnonzero(alike == alike.max())
        return int(best[seed % len(best)])


def load_nearest(data: Path, device: torch.device) -> NearestText:
    """What `train_nearest` wrote."""
    config = json.loads((data / STAGE / "config.json").read_text())
    with np.load(data / STAGE / "motions.npz") as stored:
        motions = [stored[name].astype(np.float32) for name in stored.files]
    words = [set(caption_words(" ".join(captions))) for captions in config["captions"]]
    return NearestText(motions, words, config["longest_frames"])


NEAREST = Model("Nearest text", STAGE, (GENERATE,), load_nearest, (STAGE,))
