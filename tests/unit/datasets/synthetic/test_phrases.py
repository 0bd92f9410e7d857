"""The sentences of the procedural data set say what the parameters say, in English."""

import itertools

import numpy as np
import pytest

from lamp_core.datasets.synthetic.hand_actions import EVERY_ACTION as ACTIONS
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.phrases import Performance, captions, gerund, third_person

COUNTED = {
    1: "once",
    2: "twice two times",
    3: "three several",
    4: "four several",
    5: "five repeatedly",
    6: "six repeatedly",
}


def say(*performances: Performance, together: bool = False, seed: int = 0, wanted: int = 30) -> list[str]:
    return captions(list(performances), together, np.random.default_rng(seed), wanted=wanted, tries=100)


def all_parameters(name: str) -> list[Parameters]:
    options = {field: sorted(set(values)) for field, values in ACTIONS[name].options.items()}
    return [
        Parameters(**dict(zip(options, values, strict=True)))
        for values in itertools.product(*options.values())
    ]


@pytest.mark.parametrize(
    ("verb", "does", "doing"),
    [
        ("walk", "walks", "walking"), ("wave", "waves", "waving"), ("run", "runs", "running"),
        ("sit", "sits", "sitting"),
        ("punch", "punches", "punching"), ("do", "does", "doing"), ("box", "boxes", "boxing"),
        ("stay", "stays", "staying"),
        ("carry", "carries", "carrying"), ("sidestep", "sidesteps", "sidestepping"),
        ("throw", "throws", "throwing"),
        ("grab", "grabs", "grabbing"), ("play", "plays", "playing"), ("clench", "clenches", "clenching"),
        ("squat", "squats", "squatting"), ("bow", "bows", "bowing"), ("lunge", "lunges", "lunging"),
    ],
)  # fmt: skip
def test_verb_forms(verb: str, does: str, doing: str) -> None:
    assert (third_person(verb), gerund(verb)) == (does, doing)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_parameter_can_be_said(name: str) -> None:
    for parameters in all_parameters(name):
        sentences = say(Performance(name, parameters), wanted=4)
        assert len(sentences) >= 3, parameters
        assert all(sentence.endswith(".") and not set(sentence) & set("{}[]") for sentence in sentences)


@pytest.mark.parametrize(
    "name", [n for n in sorted(ACTIONS) if {"left", "right"} <= set(ACTIONS[n].options.get("side", ()))]
)
@pytest.mark.parametrize(("side", "never"), [("left", "right"), ("right", "left")])
def test_sentences_name_the_side_that_acts(name: str, side: str, never: str) -> None:
    for sentence in say(Performance(name, Parameters(side=side))):
        assert side in sentence and never not in sentence


def test_both_sides_are_said_in_the_plural() -> None:
    sentences = say(Performance("wave", Parameters(side="both", count=3)))
    assert all("both hands" in sentence and "left" not in sentence for sentence in sentences)


@pytest.mark.parametrize("name", ["squat", "jump", "kick", "side_step", "clap", "wave"])
def test_sentences_never_name_another_count(name: str) -> None:
    for count in set(ACTIONS[name].options["count"]):
        wrong = (
            {word for other, words in COUNTED.items() for word in words.split()}
            - set(COUNTED[count].split())
            - {"times"}
        )
        for sentence in say(Performance(name, Parameters(count=count))):
            assert not wrong & set(sentence.rstrip(".").split()), sentence


@pytest.mark.parametrize(
    ("speed", "never"),
    [("slow", "fast quickly rapidly"), ("fast", "slowly"), ("normal", "slowly fast quickly rapidly")],
)
def test_sentences_never_name_another_speed(speed: str, never: str) -> None:
    for name in ("walk", "wave", "squat", "turn"):
        for sentence in say(
            Performance(name, Parameters(speed=speed, direction="left", amount="large", count=2))
        ):
            assert not set(never.split()) & set(sentence.rstrip(".").split()), sentence


def test_possessives_agree_with_the_subject() -> None:
    owned = {"a person": "their", "someone": "their", "the figure": "its", "a man": "his", "the woman": "her"}
    sentences = [
        s for seed in range(20) for s in say(Performance("wave", Parameters(side="left", count=2)), seed=seed)
    ]
    for subject, possessive in owned.items():
        mine = [sentence for sentence in sentences if sentence.startswith(subject)]
        assert mine and all(f" {possessive} left hand" in sentence for sentence in mine)


def test_a_sequence_is_told_in_its_order() -> None:
    walk, wave = Performance("walk", Parameters()), Performance("wave", Parameters(side="right", count=2))
    for sentence in say(walk, wave):
        assert sentence.index("walk") < sentence.index("wav"), sentence


def test_what_happens_at_once_is_told_so() -> None:
    walk, wave = Performance("walk", Parameters()), Performance("wave", Parameters(side="right", count=2))
    assert all("while" in s or "at the same time" in s for s in say(walk, wave, together=True))
