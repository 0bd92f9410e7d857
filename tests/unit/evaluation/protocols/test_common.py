import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.evaluation.protocols.common import TestItems, protocol_items
from tests.unit.evaluation.perfect import COUNT, ITEMS, SETTINGS, STATISTICS


def test_items_of_the_protocol_at_both_rates():
    def item(frames):
        return Item("clip", 0, np.zeros((frames, 4), dtype=np.float32), ())

    items = [item(frames) for frames in (20, 24, 36, 40, 120, 124, 128, 196, 200)]
    assert [kept.frames for kept in protocol_items(items, 20.0, Evaluate())] == [40, 120, 124, 128, 196]
    at_12 = [kept.frames for kept in protocol_items(items, 12.5, Evaluate())]
    assert at_12 == [24, 36, 40, 120, 124, 128, 196]


def test_one_caption_of_every_item_is_drawn_and_all_in_the_end():
    test = TestItems.of(ITEMS, STATISTICS)
    assert len(test.captions) == 2 * COUNT
    seen = set()
    for repeat in range(12):
        drawn = test.captions_at(test.draw_captions(SETTINGS, repeat))
        assert [int(caption.words[-1]) for caption in drawn] == list(range(COUNT))
        seen.update(drawn)
    assert seen == set(test.captions)
    assert (test.draw_captions(SETTINGS, 3) == test.draw_captions(SETTINGS, 3)).all()
    assert (test.draw_captions(SETTINGS, 3) != test.draw_captions(SETTINGS, 4)).any()


def test_items_of_one_caption_share_its_place():
    twice = [ITEMS[0], ITEMS[1], ITEMS[0]]
    test = TestItems.of(twice, STATISTICS)
    first = test.draw_captions(SETTINGS.model_copy(update={"captions": "first"}), 0)
    assert first.tolist() == [0, 2, 0]
