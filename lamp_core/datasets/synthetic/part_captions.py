"""Captions of parts: what upper and lower body, each arm and each leg do in a clip, hands where it has them.

They are drawn from a stream of their own, so that a clip's movement and its captions of the whole body are
what they are without them.
"""

from collections.abc import Iterable
from itertools import groupby

import numpy as np

from lamp_core.datasets.synthetic.body import SIDES
from lamp_core.datasets.synthetic.part_actions import ARM_AT_EASE, PARTS_OF_ACTION
from lamp_core.datasets.synthetic.phrases import (
    Performance,
    Subject,
    filled,
    slots_of,
    third_person,
    verbs_as,
)
from lamp_core.datasets.synthetic.sequence import Script

STREAM = 1
"""Behind seed and number of a clip: the stream of its captions of parts."""
OWNER = Subject("the person", "the")
"""A part lifts an arm, not its arm."""
LIMBS, HAND = ("arm", "leg"), "hand"
FORMS = ("the {part} {does}.", "{does}.")
"""Two sentences a part: one that stands alone, and one as people answer what a part does."""


def part_captions(script: Script, seed: int, index: int, *, has_hands: bool) -> dict[str, tuple[str, ...]]:
    """Sentences by part of the body, two each, or one where both are the same.

    Args:
        script: what happens in the clip.
        seed: of the data set.
        index: number of the clip.
        has_hands: whether the clip has joints of the fingers.
    """
    rng = np.random.default_rng([seed, index, STREAM])
    phrases_of = [_phrases(performance, has_hands) for performance in script.performances]
    told: dict[str, list[str]] = {part: [] for part in phrases_of[0]}
    for form in FORMS:
        slots_of_each = [slots_of(performance, OWNER, rng) for performance in script.performances]
        said_of = [
            {phrase: _said(phrase, slots) for phrase in set(phrases.values())}
            for phrases, slots in zip(phrases_of, slots_of_each, strict=True)
        ]
        for part, sentences in told.items():
            phrases = [of_action[part] for of_action in phrases_of]
            said = [of_action[phrase] for of_action, phrase in zip(said_of, phrases, strict=True)]
            does = said[_place_together(part, phrases)] if script.together else _in_turn(said)
            sentences.append(form.format(part=part.replace("_", " "), does=does))
    return {part: tuple(dict.fromkeys(sentences)) for part, sentences in told.items()}


def _phrases(performance: Performance, has_hands: bool) -> dict[str, str]:
    """The phrase of each part in one action."""
    table = PARTS_OF_ACTION[performance.name]
    acting = table.acting(performance.parameters)
    found = {"upper_body": table.upper, "lower_body": table.lower}
    for limb in (*LIMBS, HAND) if has_hands else LIMBS:
        for side in SIDES:
            found[f"{side}_{limb}"] = getattr(table, limb if side in acting else f"other_{limb}")
    return found


def _place_together(part: str, phrases: list[str]) -> int:
    """Which of two actions at the same time, legs first, says what a part does.

    Arms that do nothing in the action of the arms do what they do in that of the legs.
    """
    if part.endswith("leg") or part == "lower_body":
        return 0
    return 0 if phrases[1] == ARM_AT_EASE else 1


def _in_turn(said: Iterable[str]) -> str:
    """What a part does one after the other; what it goes on doing is told once."""
    return ", then ".join(does for does, _ in groupby(said))


def _said(phrase: str, slots: dict[str, str]) -> str:
    return verbs_as(filled(phrase, slots), third_person)
