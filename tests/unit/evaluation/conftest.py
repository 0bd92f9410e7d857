"""A project whose models are measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config import Config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.trained import Trained
from lamp_core.m2t.attention import WordAttention
from lamp_core.systems.lamp import MODELS
from tests.small_project import small_config


@pytest.fixture(scope="session")
def config() -> Config:
    """Of the small project."""
    return small_config()


@pytest.fixture
def trained(small_data: Path, config: Config) -> Trained:
    """Its models and test items."""
    return Trained(small_data, config, FeatureSet.load(small_data / "features"), torch.device("cpu"), MODELS)


class FakeCaptioner:
    """Says of a motion how long it is and how its first number compares with the last; counts its motions."""

    def __init__(self) -> None:
        self.asked = 0

    def captions(
        self, motions: Sequence[np.ndarray], search: object = None, on_progress: OnProgress | None = None
    ) -> list[str]:
        self.asked += len(motions)
        if on_progress:
            on_progress(len(motions), len(motions), "captions")
        return [
            f"a person {'rises' if motion_TD[-1, 3] > motion_TD[0, 3] else 'falls'} in {len(motion_TD)}"
            for motion_TD in motions
        ]

    def explain(self, motion_TD: np.ndarray, caption: str) -> WordAttention:
        words = tuple(caption.split())
        return WordAttention(words, np.full((len(words), len(motion_TD)), 1 / len(motion_TD), np.float32))


@pytest.fixture
def no_captioner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose stage ``m2t`` has not run."""
    monkeypatch.setattr(Trained, "captioning", {})


@pytest.fixture
def captioner(monkeypatch: pytest.MonkeyPatch) -> FakeCaptioner:
    """What LaMP-M2T is."""
    fake = FakeCaptioner()
    monkeypatch.setattr("lamp_core.m2t.captioner.load_captioner", lambda data, device: fake)
    return fake
