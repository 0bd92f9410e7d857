"""Motions with their captions."""

import numpy as np
import pytest
import torch

from lamp_core.pairs.negatives import equal_pairs
from lamp_core.pairs.table import PairTable

CLIPS = ["000001", "M000001", "000002", "000003"]
CAPTIONS = [["walk left", "go"], ["walk right"], ["Go.", "sit", "jump"], ["sit down"]]


def test_equals_are_those_of_the_drawn_captions() -> None:
    table = PairTable(CLIPS, CAPTIONS)
    assert len(table) == 4 and table.captions[3] == "Go."
    torch.manual_seed(0)
    seen = set()
    for items in ([0, 2, 3], [1, 0, 3], [3, 2], [2, 2]) * 20:
        items_B = np.array(items)
        drawn_B = table.draw(items_B)
        texts = [table.captions[caption] for caption in drawn_B]
        assert all(text in CAPTIONS[item] for text, item in zip(texts, items, strict=True))
        found = table.equal(items_B, drawn_B)
        wanted = equal_pairs([CLIPS[item] for item in items], texts)
        if items == [1, 0, 3]:
            wanted[0, 1] = wanted[1, 0] = True
        assert torch.equal(found, wanted)
        seen |= {(texts[0], texts[1], bool(found[0, 1]))} if items[0] == 0 else set()
    assert {("go", "Go.", True), ("walk left", "Go.", False), ("go", "sit", False)} <= seen


def test_every_item_has_a_caption() -> None:
    with pytest.raises(ValueError, match="item 1 has no caption"):
        PairTable(["a", "b"], [["walk"], []])
