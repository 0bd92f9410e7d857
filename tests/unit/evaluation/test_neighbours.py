"""The nearest neighbour finds what is in the train split, whatever asks for it."""

from collections.abc import Sequence

import numpy as np
import pytest

from lamp_core.config.models import Tokenizer
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluation.neighbours import MOVING, NearestNeighbour, held
from lamp_core.features.layout import FeatureLayout
from lamp_core.tokenizers.kinds import new_tokenizer
from tests.unit.evaluation.perfect import STATISTICS, WIDTH, make_items

ITEMS = make_items(6)


def sentences(texts: Sequence[str]) -> np.ndarray:
    """Captions of an item are alike; ``it 3`` is most like those of item 3."""
    return np.eye(8)[[int(text.split()[-1]) for text in texts]] * 2 + 0.1


@pytest.fixture(scope="module")
def nearest() -> NearestNeighbour:
    tokenizer = new_tokenizer(WIDTH, Tokenizer(hidden_dim=8, code_dim=8, codebook_size=8, residual_depth=1))
    return NearestNeighbour(ITEMS, STATISTICS, tokenizer.eval().requires_grad_(False), sentences)


def normalised(item: Item) -> np.ndarray:
    return np.asarray(STATISTICS.normalise(item.features_TD), dtype=np.float32)


def test_a_text_gets_the_motion_of_the_caption_like_it(nearest: NearestNeighbour) -> None:
    cut_TD, held_TD = nearest.generate(["it 2", "it 4"], [20, 60], 0)
    np.testing.assert_allclose(cut_TD, normalised(ITEMS[2])[:20], atol=1e-6)
    assert len(held_TD) == 60 and nearest.lengths(["it 4"], 0) == [ITEMS[4].frames]
    still_TD = STATISTICS.denormalise(held_TD)[ITEMS[4].frames :]
    layout = FeatureLayout.of_width(WIDTH)
    for name in MOVING:
        np.testing.assert_allclose(still_TD[:, layout[name]], 0, atol=1e-6)
    last_D = ITEMS[4].features_TD[-1]
    np.testing.assert_allclose(still_TD[:, layout["positions"]][0], last_D[layout["positions"]], atol=1e-6)


@pytest.mark.parametrize("start", [0, 12, 20])
def test_given_frames_find_the_stretch_that_they_were_cut_from(nearest: NearestNeighbour, start: int) -> None:
    true_TD = normalised(ITEMS[3])[start : start + 20]
    noise_TD = np.random.default_rng(0).normal(scale=0.01, size=true_TD.shape)
    given_T = np.repeat(np.isin(np.arange(5), (1, 4)), 4)
    asked_TD = np.where(given_T[:, None], true_TD + noise_TD, np.nan).astype(np.float32)
    (found_TD,) = nearest.control([""], [asked_TD], [given_T], 0, forced=True)
    np.testing.assert_allclose(found_TD, true_TD, atol=1e-6)
    (completed_TD,) = nearest.complete([""], [asked_TD], [given_T], 0)
    np.testing.assert_array_equal(completed_TD[given_T], asked_TD[given_T])
    assert np.isfinite(completed_TD).all()


def test_the_stretch_is_the_nearest_of_all(nearest: NearestNeighbour) -> None:
    """Beside a search of every stretch, one after the other."""
    asked_TD = np.random.default_rng(1).normal(size=(44, WIDTH)).astype(np.float32)
    given_T = np.repeat(np.isin(np.arange(11), (0, 5, 9)), 4)
    every = [
        STATISTICS.normalise(held(item.features_TD[start:], 44))
        for item in ITEMS
        for start in range(0, max(item.frames - 44, 0) + 1, 4)
    ]
    means = [each.reshape(11, 4, -1).mean(axis=1)[[0, 5, 9]] for each in (asked_TD, *every)]
    apart = [float(((each - means[0]) ** 2).sum()) for each in means[1:]]
    (found_TD,) = nearest.control([""], [asked_TD], [given_T], 0)
    np.testing.assert_allclose(found_TD, every[int(np.argmin(apart))], atol=1e-6)


def test_a_motion_gets_the_caption_of_the_motion_like_it(nearest: NearestNeighbour) -> None:
    motions = [normalised(ITEMS[place])[: ITEMS[place].frames] for place in (4, 1)]
    assert nearest.captions(motions) == ["he 4", "he 1"]


def test_a_train_split_that_has_nothing_is_told(nearest: NearestNeighbour) -> None:
    with pytest.raises(LampError, match="no motion in the train split"):
        NearestNeighbour([], STATISTICS, nearest.tokenizer)
    silent = [Item("clip", 0, ITEMS[0].features_TD, (Caption(" ", (), (), 0.0, 0.0),))]
    with pytest.raises(LampError, match="has no captions"):
        NearestNeighbour(silent, STATISTICS, nearest.tokenizer, sentences).lengths(["it 1"], 0)
