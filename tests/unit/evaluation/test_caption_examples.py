"""Which test motions are shown with their captions, and which of them are explained."""

from dataclasses import replace

import pytest

from lamp_core.datasets.spread import spread
from lamp_core.evaluation.caption_examples import caption_examples
from lamp_core.evaluation.families.captioning import captions_of, nearest_captions
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.trained import Trained
from tests.unit.evaluation.conftest import FakeCaptioner


@pytest.mark.parametrize(
    ("total", "count", "places"),
    [(10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (1, 1, [0]), (5, 0, []), (2, 1, [0])],
)
def test_examples_are_spread_over_the_split(total: int, count: int, places: list[int]) -> None:
    assert spread(total, count) == places


@pytest.mark.slow
def test_examples_have_the_captions_that_are_scored(trained: Trained, captioner: FakeCaptioner) -> None:
    test = TestItems.of(trained.items, trained.features.statistics)
    examples = caption_examples(trained, 5, 2)
    places = [test.items.index(example.item) for example in examples]
    assert places == spread(len(test), 5)
    every, nearest = captions_of(trained, "LaMP-M2T", test.motions), nearest_captions(trained, test)
    assert [example.caption for example in examples] == [every[place] for place in places]
    assert [example.nearest for example in examples] == [nearest[place] for place in places]
    assert captioner.asked == len(test)
    explained = [example.attention for example in examples]
    assert [attention is not None for attention in explained] == [True, False, False, False, True]
    assert explained[0] is not None
    assert explained[0].words == tuple(examples[0].caption.split())
    assert explained[0].frames.shape[1] == examples[0].item.frames


def test_a_caption_without_a_word_is_not_explained(
    trained: Trained, captioner: FakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captioner, "captions", lambda motions, **how: [""] * len(motions))
    examples = caption_examples(replace(trained), 3, 3)
    assert [(example.caption, example.attention) for example in examples] == [("", None)] * 3
