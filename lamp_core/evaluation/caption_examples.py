"""A few test motions with their captions, and what the words of some of them look at.

Shapes: W words, T frames.
"""

from dataclasses import dataclass

from lamp_core.datasets.items import Item
from lamp_core.datasets.spread import spread
from lamp_core.evaluation.families.captioning import captions_of, nearest_captions
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.trained import Trained
from lamp_core.m2t.attention import WordAttention
from lamp_core.systems.capabilities import Explains


@dataclass(frozen=True, eq=False)
class CaptionExample:
    """A test motion with its captions.

    Args:
        item: the motion and its true captions.
        system: what captions.
        caption: its caption.
        nearest: the training caption that retrieval finds nearest.
        attention: of the caption's words to the motion's frames; None where it was not asked for.
    """

    item: Item
    system: str
    caption: str
    nearest: str
    attention: WordAttention | None = None


def caption_examples(trained: Trained, count: int, explained: int) -> list[CaptionExample]:
    """Return test motions spread over the split, those of each captioner behind those of the one before.

    Args:
        trained: what captions, and the items within the protocol's range of lengths.
        count: how many, all where there are fewer.
        explained: of these, how many with the attention of their words; those whose caption has no word
            have none.

    Raises:
        LampError: no items.
    """
    test = TestItems.of(trained.items, trained.features.statistics)
    places = spread(len(test), count)
    told = {places[index] for index in spread(len(places), explained)}
    nearest = nearest_captions(trained, test)
    return [
        CaptionExample(
            test.items[place],
            name,
            captions[place],
            nearest[place],
            model.explain(test.motions[place], captions[place])
            if place in told and captions[place].strip() and isinstance(model, Explains)
            else None,
        )
        for name, model in trained.captioning.items()
        for captions in [captions_of(trained, name, test.motions)]
        for place in places
    ]
