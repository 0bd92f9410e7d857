"""Panel Edit: a stretch of a motion anew, or one part of the body, beside what it was."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from lamp_core.errors import LampError
from lamp_core.inference import generate as api
from lamp_core.inference.parts import edit_part
from lamp_core.page.generate import Making, Request, Text, warning_of
from lamp_core.page.shelf import TAKEN
from lamp_core.page.workshop import Answer, Workshop

Anew = Literal["span", "after", "before", "part"]


class EditRequest(Making):
    """As `lamp_core.inference.generate.edit`, ``start`` and ``end`` those of a span, in seconds; or, with the
    name of a part, as `lamp_core.inference.parts.edit_part`."""

    motion: str
    anew: Anew = "span"
    start: float | None = None
    end: float | None = None
    part: str | None = None
    text: Text | None = None

    @property
    def place(self) -> api.Place:
        """What is to be made anew."""
        span = (self.start, self.end) if self.anew == "span" else None
        return api.Place(span, self.anew == "after", self.anew == "before")


class MotionRequest(Request):
    """A motion by its key."""

    motion: str


def open_motion(workshop: Workshop, asked: MotionRequest) -> Answer:
    """A motion to work with: a clip of the data set gets its tokens."""
    motion = workshop.shelf.get(asked.motion)
    tokens = motion.tokens or (workshop.tokens(motion.features_TD) if motion.file is not None else ())
    return {"motion": replace(motion, tokens=tokens).answer}


def edit(workshop: Workshop, asked: EditRequest) -> Answer:
    """The given motion, in time with the edited ones, and these; where in them the new part is."""
    given = workshop.shelf.get(asked.motion)
    given_TD = api.read_given(workshop.data, given.require_features(), TAKEN)
    make = _part if asked.anew == "part" else _stretch
    edited = make(workshop.data, given_TD, asked)
    made, caption = (edited.start, edited.end), asked.text or given.caption
    motions = workshop.keep_all("new", edited.joints, edited.features, caption, made=made)
    old = workshop.keep("old", edited.given_in_time[0], None, given.caption)
    return {
        "given": old.answer,
        "motions": [motion.answer for motion in motions],
        "made": made,
        "warning": warning_of(workshop, asked.text) if asked.text else "",
    }


def _stretch(data: Path, given_TD: np.ndarray, asked: EditRequest) -> api.EditedMotions:
    return api.edit(data, given_TD, asked.place, asked.text or None, **asked.how)


def _part(data: Path, given_TD: np.ndarray, asked: EditRequest) -> api.EditedMotions:
    if asked.part is None:
        raise LampError("name the part that is to be made anew")
    for name in ("seconds", "steps"):
        if getattr(asked, name) is not None:
            raise LampError(f"{name} say nothing of a part; leave them out")
    drawn = (asked.count, asked.seed, asked.model, asked.decode, asked.guidance)
    return edit_part(data, given_TD, asked.part, asked.text or "", *drawn)
