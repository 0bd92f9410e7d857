"""Items: spans, lengths, padding, batches by length."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import items_of, length_batches, mask_of, pad, wordless_items
from lamp_core.skeleton.skeleton import load_skeleton


def _caption(text: str, start: float = 0.0, end: float = 0.0) -> Caption:
    return Caption(text, (), (), start, end)


def _features() -> Any:
    """Clips a (whole and a span of its own), b (too short) and c (test split)."""
    return SimpleNamespace(
        clips=["a", "b", "c"],
        splits=["train", "train", "test"],
        captions=[
            [_caption("x"), _caption("y", 1.0, 2.5), _caption("z"), _caption("late", 4.0, 99.0)],
            [_caption("short")],
            [_caption("test")],
        ],
        labels=[{}, {}, {}],
        part_captions=[{"left_arm": ("waves",)}, {}, {}],
        features=[np.arange(n * 263, dtype=np.float32).reshape(n, 263) for n in (103, 3, 40)],
        skeleton=load_skeleton("smpl22"),
        of_split=lambda split: {"train": [0, 1], "test": [2]}[split],
    )


def test_a_clip_without_captions_is_an_item_for_who_asks_for_it() -> None:
    features = _features()
    assert wordless_items(features, "train") == []
    features.captions[0] = []
    (alone,) = wordless_items(features, "train")
    assert alone.key == ("a", 0, 100) and alone.captions == ()
    assert "a" not in [item.clip for item in items_of(features)]
    features.captions[1] = []  # shorter than a token
    assert [item.clip for item in wordless_items(features, "train")] == ["a"]


def test_a_span_is_an_item_of_its_own() -> None:
    features = _features()
    whole, span, late = items_of(features, "train")
    assert whole.key == ("a", 0, 100) and [c.text for c in whole.captions] == ["x", "z"]
    assert span.key == ("a", 20, 28) and span.captions[0].text == "y"
    assert whole.part_captions == {"left_arm": ("waves",)} and not span.part_captions
    assert np.array_equal(span.features_TD, features.features[0][20:48])
    assert late.key == ("a", 80, 20)
    assert [item.clip for item in items_of(features)] == ["a", "a", "a", "c"]
    assert [item.frames for item in items_of(features, "train", min_frames=40)] == [100]


def test_padding_and_masks() -> None:
    stack, lengths = pad([np.ones((2, 3)), np.ones((4, 3))])
    assert stack.shape == (2, 4, 3) and lengths.tolist() == [2, 4] and not stack[0, 2:].any()
    assert mask_of(lengths, 5).tolist() == [[True, True, False, False, False], [True] * 4 + [False]]
    assert mask_of(torch.tensor([0]), 2).tolist() == [[False, False]]


def test_every_index_is_in_one_batch_within_the_budget() -> None:
    lengths = [5, 100, 7, 7, 30, 1]
    batches = list(length_batches(lengths, 32))
    assert sorted(i for batch in batches for i in batch) == list(range(6))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 32 for b in batches)
