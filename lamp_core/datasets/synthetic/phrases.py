"""Captions: English sentences composed from the actions of a clip and their parameters.

A phrase is a predicate, its verbs in brackets and its slots in braces: ``[wave] {hand} {count}``. Slots are
filled with the words that the parameters allow; a sentence puts the verbs in the form that it needs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from lamp_core.datasets.synthetic.actions import Action
from lamp_core.datasets.synthetic.hand_actions import EVERY_ACTION
from lamp_core.datasets.synthetic.parameters import Parameters

Item = TypeVar("Item")

SPEED_WORDS = {"slow": ("slowly",), "normal": ("",), "fast": ("quickly", "fast", "rapidly")}
MANNER_WORDS = {"slow": "slowly", "normal": "", "fast": "quickly"}
"""The word for the speed that can stand before the verb."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
COUNT_WORDS = {
    1: ("", "once"),
    2: ("twice", "two times"),
    3: ("three times", "three times", "several times"),
    4: ("four times", "four times", "several times"),
    5: ("five times", "five times", "repeatedly"),
    6: ("six times", "six times", "repeatedly"),
}
LIMBS = {"hand": "hands", "arm": "arms", "leg": "legs", "foot": "feet", "fist": "fists"}
DOUBLED = {"run", "sit", "jog", "squat", "step", "clap", "get", "put", "spin", "hop", "sidestep", "grab"}
SINGLE = (
    "{who} {does}.", "{who} {does}.", "{who} {does}.", "{who} is {doing}.",
)  # fmt: skip
PAIR = (
    "{who} {does}, then {does2}.",
    "{who} {does} and then {does2}.",
    "{who} {does} and {does2} afterwards.",
    "{who} first {does} and then {does2}.",
    "{who} {does} before {doing2}.",
    "after {doing}, {who} {does2}.",
)
TRIPLE = (
    "{who} {does}, then {does2} and finally {does3}.",
    "{who} {does}, {does2} and then {does3}.",
    "{who} first {does}, then {does2} and then {does3}.",
    "after {doing}, {who} {does2} and then {does3}.",
)
TOGETHER = (
    "{who} {does} while {doing2}.",
    "{who} {does2} while {doing}.",
    "while {doing}, {who} {does2}.",
    "{who} {does} and {does2} at the same time.",
)


@dataclass(frozen=True)
class Performance:
    """One action of a clip: its name in `hand_actions.EVERY_ACTION` and how it is performed."""

    name: str
    parameters: Parameters

    @property
    def action(self) -> Action:
        """The entry of the action table."""
        return EVERY_ACTION[self.name]


@dataclass(frozen=True)
class Subject:
    """Who moves, and the word for what is theirs."""

    name: str
    possessive: str


def subjects(rng: np.random.Generator) -> tuple[Subject, ...]:
    """The ways to speak of the person of one clip."""
    gender, possessive = ("man", "his") if rng.random() < 0.75 else ("woman", "her")
    return (
        Subject("a person", "their"),
        Subject("a person", "their"),
        Subject("the person", "their"),
        Subject("someone", "their"),
        Subject(f"a {gender}", possessive),
        Subject(f"the {gender}", possessive),
        Subject("the figure", "its"),
    )


def captions(
    performances: list[Performance],
    together: bool,
    rng: np.random.Generator,
    wanted: int = 4,
    tries: int = 40,
) -> list[str]:
    """Different sentences about the same clip.

    Args:
        performances: one to three actions in their order.
        together: whether two actions are performed at the same time.
        rng: source of the choices.
        wanted: number of sentences; fewer when the phrases do not give as many.
        tries: draws after which to give up.
    """
    forms = TOGETHER if together else (SINGLE, PAIR, TRIPLE)[len(performances) - 1]
    people = subjects(rng)
    sentences: dict[str, None] = {}
    for _ in range(tries):
        if len(sentences) == wanted:
            break
        sentences[_sentence(_choose(forms, rng), performances, _choose(people, rng), rng)] = None
    return list(sentences)


def _sentence(form: str, performances: list[Performance], who: Subject, rng: np.random.Generator) -> str:
    parts = {"who": who.name}
    for number, performance in enumerate(performances, start=1):
        predicate = _predicate(performance, who, rng)
        suffix = "" if number == 1 else str(number)
        parts[f"does{suffix}"] = verbs_as(predicate, third_person)
        parts[f"doing{suffix}"] = verbs_as(predicate, gerund)
    return form.format(**parts)


def _predicate(performance: Performance, who: Subject, rng: np.random.Generator) -> str:
    """A phrase of the action with its slots filled; verbs still in brackets."""
    slots = slots_of(performance, who, rng)
    return filled(_choose(performance.action.phrases, rng), slots)


def slots_of(performance: Performance, who: Subject, rng: np.random.Generator) -> dict[str, str]:
    """The words for every slot of a phrase, those of several ways to say it drawn."""
    action, p = performance.action, performance.parameters
    several = p.side == "both"
    slots = {
        "own": who.possessive,
        "manner": MANNER_WORDS[p.speed],
        "number": NUMBERS[p.count],
        "s": "" if p.count == 1 else "s",
        "it": "them" if several else "it",
        "speed": _choose(action.words.get("speed", SPEED_WORDS)[p.speed], rng),
        "count": _choose(COUNT_WORDS[p.count], rng),
        "side": p.side,
        "direction": _choose(action.words.get("direction", {}).get(p.direction, (p.direction,)), rng),
        "amount": _choose(action.words.get("amount", {}).get(p.amount, ("",)), rng),
    }
    for limb, plural in LIMBS.items():
        slots[limb] = f"both {plural}" if several else f"{who.possessive} {p.side} {limb}"
    return slots


def filled(phrase: str, slots: Mapping[str, str]) -> str:
    """A phrase with its slots filled, and theirs; verbs still in brackets."""
    text = phrase.format(**slots)
    text = text.format(**slots) if "{" in text else text
    return " ".join(text.split()).replace(" ,", ",")


@lru_cache(maxsize=4096)
def verbs_as(predicate: str, form: Callable[[str], str]) -> str:
    """A predicate with its verbs in the form that a sentence needs: `third_person` or `gerund`."""
    return re.sub(r"\[(\w+)\]", lambda verb: form(verb.group(1)), predicate)


def third_person(verb: str) -> str:
    """walk: walks, punch: punches, carry: carries."""
    if verb.endswith(("s", "sh", "ch", "x", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def gerund(verb: str) -> str:
    """walk: walking, wave: waving, run: running."""
    if verb in DOUBLED:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def _choose(items: tuple[Item, ...], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]
