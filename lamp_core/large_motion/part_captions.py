"""Captions of parts of the body in instructions: which an example tells of, and how long they are."""

from collections.abc import Iterable

import numpy as np

from lamp_core.config.large_motion import PartCaptions
from lamp_core.errors import LampError
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.prompts import spoken_part
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.pairs.captions import one_of

Told = tuple[str | None, dict[str, str]]
"""A caption of the whole body, or none, and what parts of it do."""


def drawn_text(item: SpokenMotion, settings: PartCaptions, draws: np.random.Generator) -> Told:
    """What an example tells of an item: a caption, and of some examples also, or only, what parts do.

    Without captions of parts it takes the one draw of the caption.
    """
    caption = one_of(item.captions, draws)
    if not settings.share or not item.part_captions or draws.random() >= settings.share:
        return caption, {}
    is_alone = draws.random() < settings.alone
    return None if is_alone else caption, drawn_parts(item, settings.most, draws)


def drawn_parts(item: SpokenMotion, most: int, draws: np.random.Generator) -> dict[str, str]:
    """One part to ``most`` of an item in their order, each with one of its captions."""
    names = list(item.part_captions)
    count = int(draws.integers(1, min(most, len(names)) + 1))
    chosen = sorted(draws.permutation(len(names))[:count].tolist())
    found = {}
    for place in chosen:
        found[names[place]] = one_of(item.part_captions[names[place]], draws)
    return found


def longest_told(item: SpokenMotion, words: MotionWords, most: int) -> int:
    """Words of the ``most`` longest captions of parts; 0 where none is told of."""
    if not most:
        return 0
    found = (
        max(length(words.described(None, {part: said})) for said in sentences)
        for part, sentences in item.part_captions.items()
    )
    return sum(sorted(found, reverse=True)[:most])


def said_of_parts(item: SpokenMotion) -> Iterable[str]:
    """Every caption of a part with the name of the part, by which the use of words is counted."""
    return (
        f"{spoken_part(part)} {said}" for part, sentences in item.part_captions.items() for said in sentences
    )


def part_names(items: Iterable[SpokenMotion]) -> tuple[str, ...]:
    """Names of the parts that captions tell of, as they come first."""
    return tuple(dict.fromkeys(part for item in items for part in item.part_captions))


def check_parts(parts: tuple[str, ...], settings: PartCaptions) -> None:
    """Raise LampError where captions of parts are wanted and there are none."""
    if settings.share and not parts:
        raise LampError(
            "nothing that is trained on has captions of parts of the body (columns captions_PART of a "
            "manifest; `lamp data shard` keeps them, in a new folder); set large_motion.part_captions.share "
            "to 0"
        )
