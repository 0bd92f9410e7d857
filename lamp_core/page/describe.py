"""Panel Describe: a motion in words, and the clips that are like it."""

from typing import Annotated

import numpy as np
from pydantic import Field

from lamp_core.errors import LampError
from lamp_core.inference.caption import Window, caption_files
from lamp_core.inference.models import loaded
from lamp_core.inference.search import search_motion
from lamp_core.inference.words import explain
from lamp_core.page.generate import Request
from lamp_core.page.shelf import TAKEN, HeldMotion
from lamp_core.page.workshop import Answer, Workshop
from lamp_core.systems.capabilities import CAPTION, Explains
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import trained_models
from lamp_core.viz.attention import attention_strip

WORDS, NEIGHBOURS = 24, 6


class DescribeRequest(Request):
    """A motion, and the seconds of the windows that it is captioned in; whole without them."""

    motion: str
    windows: Annotated[float, Field(gt=0, le=600)] | None = None
    model: str | None = None


def describe(workshop: Workshop, asked: DescribeRequest) -> Answer:
    """Captions, the attention of a caption's words, words of a model that says them, and neighbours.

    What a missing model would say is left out with the stage to run.
    """
    motion = workshop.shelf.get(asked.motion)
    missing: list[str] = []
    windows = _captioned(workshop, motion, asked, missing)
    return {
        "motion": motion.answer,
        "captions": [{"start": each.start, "end": each.end, "text": each.captions[0]} for each in windows],
        "attention": _attention(workshop, motion, windows, asked.model),
        "words": _words(workshop, motion, missing),
        "neighbours": _neighbours(workshop, motion, missing),
        "missing": missing,
    }


def _captioned(
    workshop: Workshop, motion: HeldMotion, asked: DescribeRequest, missing: list[str]
) -> tuple[Window, ...]:
    """Captions of the motion, window by window; none where none is trained and none was asked for by name."""
    try:
        trained_models(MODELS, workshop.data, CAPTION)
    except LampError as fault:
        if asked.model is not None:
            raise
        missing.append(f"captions: {fault}")
        return ()
    file = motion.require_features()
    (found,) = caption_files(workshop.data, [file], None, 1, asked.windows, asked.model, TAKEN)
    if found.fault:
        raise LampError(found.fault.replace(str(file), motion.title))
    return found.windows


def _attention(
    workshop: Workshop, motion: HeldMotion, windows: tuple[Window, ...], model: str | None
) -> str | None:
    """What each word of a caption of the whole motion looks at, as SVG; None for a motion in parts."""
    if len(windows) != 1 or motion.features_TD is None:
        return None
    captioner = loaded(workshop.data, CAPTION, model)
    if not isinstance(captioner, Explains):
        return None
    features_TD = np.asarray(workshop.space.statistics.normalise(motion.features_TD), dtype=np.float32)
    caption = windows[0].captions[0]
    try:
        attention = captioner.explain(features_TD, caption)
    except LampError:  # a caption without a word
        return None
    return attention_strip(attention.words, attention.frames, motion.rate, f"attention of: {caption}")


def _words(workshop: Workshop, motion: HeldMotion, missing: list[str]) -> list[Answer]:
    try:
        words = explain(workshop.data, motion.require_features(), WORDS, TAKEN)
    except LampError as fault:
        missing.append(f"words of the motion: {fault}")
        return []
    return [{"word": word.word, "weight": word.weight} for word in words]


def _neighbours(workshop: Workshop, motion: HeldMotion, missing: list[str]) -> list[Answer]:
    try:
        hits = search_motion(workshop.data, motion.require_features(), NEIGHBOURS, None, TAKEN)
    except LampError as fault:
        missing.append(f"clips like it: {fault}")
        return []
    return [
        {"rank": hit.rank, "clip": hit.clip, "caption": hit.caption, "score": hit.score, "words": []}
        for hit in hits
    ]
