"""Panel Edit: a part of a motion anew, beside what it was."""

from dataclasses import replace
from typing import Literal

from lamp_core.features.bones import Decoding
from lamp_core.inference import generate as api
from lamp_core.page.generate import Count, Request, Sampled, Seconds, Seed, Text, warning_of
from lamp_core.page.shelf import TAKEN
from lamp_core.page.workshop import Answer, Workshop

Part = Literal["span", "after", "before"]


class EditRequest(Sampled):
    """As `lamp_core.inference.generate.edit`; ``start`` and ``end`` are those of a span, in seconds."""

    motion: str
    part: Part = "span"
    start: float | None = None
    end: float | None = None
    text: Text | None = None
    seconds: Seconds | None = None
    seed: Seed = 0
    count: Count = 1
    decode: Decoding = "bones"

    @property
    def place(self) -> api.Place:
        """What is to be made anew."""
        span = (self.start, self.end) if self.part == "span" else None
        return api.Place(span, self.part == "after", self.part == "before")


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
    edited = api.edit(
        workshop.data,
        api.read_given(workshop.data, given.require_features(), TAKEN),
        asked.place,
        asked.text or None,
        asked.count,
        asked.seconds,
        asked.seed,
        asked.model,
        asked.decode,
        asked.sampling,
    )
    made, caption = (edited.start, edited.end), asked.text or given.caption
    motions = workshop.keep_all("new", edited.joints, edited.features, caption, made=made)
    old = workshop.keep("old", edited.given_in_time[0], None, given.caption)
    return {
        "given": old.answer,
        "motions": [motion.answer for motion in motions],
        "made": made,
        "warning": warning_of(workshop, asked.text) if asked.text else "",
    }
