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


def test_sentences_that_are_alike_are_equal_too() -> None:
    degrees = torch.tensor([0.0, 90.0, 25.0, 180.0, 90.0, 270.0]).deg2rad()
    sentences_MW = torch.stack([degrees.cos(), degrees.sin()], dim=1)  # of each caption, in their order
    chosen, captions = np.array([0, 1, 2, 3]), np.array([0, 2, 4, 5])
    same_motion = PairTable(CLIPS, CAPTIONS).equal(chosen, captions)
    for threshold, alike in ((0.95, False), (0.9, True)):  # the cosine of 25 degrees is 0.906
        found = PairTable(CLIPS, CAPTIONS, sentences_MW, threshold).equal(chosen, captions)
        assert bool(found[0, 1]) and bool(found[1, 0])  # a motion and its mirror, whatever is said
        assert torch.equal(found, same_motion)  # these captions are far apart
        close = PairTable(CLIPS, CAPTIONS, sentences_MW, threshold).equal(chosen[[1, 3]], captions[[1, 3]])
        assert torch.equal(close, torch.eye(2, dtype=torch.bool))
        near = PairTable(["a", "b"], [["walk"], ["stroll"]], sentences_MW[[0, 2]], threshold)
        assert bool(near.equal(np.array([0, 1]), np.array([0, 1]))[0, 1]) == alike


def test_every_item_has_a_caption() -> None:
    with pytest.raises(ValueError, match="item 1 has no caption"):
        PairTable(["a", "b"], [["walk"], []])
