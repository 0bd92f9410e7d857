"""Panel Compare: motions of several makers for a clip's caption, beside the clip, blind if wanted."""

import random
import secrets
from dataclasses import asdict, replace
from string import ascii_uppercase
from typing import Annotated

from pydantic import Field

from lamp_core.errors import LampError
from lamp_core.inference import generate as api
from lamp_core.inference.models import loaded
from lamp_core.page.generate import Request, Sampled, Seed
from lamp_core.page.shelf import CLIP, HeldMotion
from lamp_core.page.study import TRUTH, Trial, counts, keep_answer
from lamp_core.page.workshop import Answer, Workshop
from lamp_core.systems.capabilities import GENERATE, Generates

MOST_MAKERS = 6
MOST_OPEN = 1000
"""Blind comparisons that wait for their answer; the oldest is forgotten first."""
SPLIT = "test"


class Maker(Sampled):
    """Who makes a motion: a model of the project or of another run, and how it draws."""

    run: str | None = None

    @property
    def name(self) -> str:
        """What it is called in a comparison, and in the file of answers."""
        changes = [f"{name} {value:g}" for name, value in self.sampling.stated.items()]
        return ", ".join([*filter(None, (self.run or "this project", self.model)), *changes])


class CompareRequest(Request):
    """A clip of the test split, drawn by the seed without a name, and who is set beside it."""

    makers: Annotated[list[Maker], Field(min_length=1, max_length=MOST_MAKERS)]
    clip: str | None = None
    seed: Seed = 0
    with_truth: bool = True
    blind: bool = False


class BlindAnswer(Request):
    """The letters of a blind comparison that look better and true; none where it cannot be told."""

    trial: str
    better: str | None = None
    truth: str | None = None


class CountsRequest(Request):
    """The counts of all answers."""


def compare(workshop: Workshop, asked: CompareRequest) -> Answer:
    """The motions side by side, as long as the clip; blind they have letters in a drawn order."""
    names = [maker.name for maker in asked.makers]
    if len(set(names)) < len(names):
        raise LampError(
            "two makers are the same; change the run, the model, the guidance or the steps of one"
        )
    clip = asked.clip or _drawn_clip(workshop, asked.seed)
    true = workshop.shelf.get(f"{CLIP}{clip}")
    if not true.caption:
        raise LampError(f"the clip {clip} has no caption to compare by")
    made = {maker.name: _made(workshop, maker, true, asked.seed) for maker in asked.makers}
    shown = {**({TRUTH: true} if asked.with_truth else {}), **made}
    trial = Trial(true.caption, clip, workshop.clips.dataset, asked.seed, {})
    if not asked.blind:
        return {**_told(trial), "trial": None, "motions": [_answer(shown[name], name) for name in shown]}
    order = list(shown)
    random.SystemRandom().shuffle(order)
    letters = dict(zip(ascii_uppercase, order, strict=False))
    key = secrets.token_hex(8)
    workshop.trials[key] = replace(trial, shown=letters)
    if len(workshop.trials) > MOST_OPEN:
        workshop.trials.popitem(last=False)
    frames = min(len(motion.joints_TJ3) for motion in shown.values())
    hidden = [_hidden(workshop, shown[name], letter, frames) for letter, name in letters.items()]
    return {"caption": trial.caption, "clip": None, "trial": key, "motions": hidden}


def answer_blind(workshop: Workshop, asked: BlindAnswer) -> Answer:
    """Keep an answer; who was who, and the counts with it."""
    trial = workshop.trials.get(asked.trial)
    if trial is None:
        raise LampError("this comparison is answered, or the page was started again; draw another")
    for letter in filter(None, (asked.better, asked.truth)):
        if letter not in trial.shown:
            raise LampError(f"there is no {letter!r} in this comparison; it has {', '.join(trial.shown)}")
    if asked.truth is not None and TRUTH not in trial.shown.values():
        raise LampError("the truth is not among the motions of this comparison")
    keep_answer(workshop.answers, trial, asked.better, asked.truth)
    del workshop.trials[asked.trial]
    return {**_told(trial), "shown": dict(trial.shown), **count(workshop, CountsRequest())}


def count(workshop: Workshop, _: CountsRequest) -> Answer:
    """The counts of all answers, and the file that they stand in."""
    found = counts(workshop.answers)
    return {
        "counts": {what: [asdict(share) for share in shares] for what, shares in found.items()},
        "file": str(workshop.answers),
        "runs": [None, *workshop.others],
    }


def _drawn_clip(workshop: Workshop, seed: int) -> str:
    clips = workshop.clips
    able = [
        name
        for name, split, captions in zip(clips.names, clips.splits, clips.captions, strict=True)
        if split == SPLIT and captions
    ]
    if not able:
        raise LampError(f"the {SPLIT} split of {clips.dataset} has no clip with a caption")
    return random.Random(seed).choice(able)  # drawn to be drawn again, not to be secret


def _made(workshop: Workshop, maker: Maker, true: HeldMotion, seed: int) -> HeldMotion:
    data = workshop.data_of(maker.run)
    generator: Generates = loaded(data, GENERATE, maker.model)
    frames = min(generator.longest_frames, len(true.joints_TJ3))
    made = api.generate(data, true.caption, 1, frames / true.rate, seed, maker.model, sampling=maker.sampling)
    if made.skeleton != true.skeleton:
        raise LampError(
            f"{maker.name} was trained on {made.skeleton.name}, the clip is of {true.skeleton.name}"
        )
    return workshop.keep(maker.name, made.joints[0], made.features[0], true.caption)


def _told(trial: Trial) -> Answer:
    return {"caption": trial.caption, "clip": trial.clip}


def _answer(motion: HeldMotion, title: str) -> Answer:
    return {**motion.answer, "title": title}


def _hidden(workshop: Workshop, motion: HeldMotion, letter: str, frames: int) -> Answer:
    """A motion under its letter: its key, tokens and length would tell who made it."""
    return workshop.keep(letter, motion.joints_TJ3[:frames], None, motion.caption).answer
