"""Panel Gallery: the clips of any data set whose features stand here."""

import re
from collections.abc import Mapping

from lamp_core.datasets.clip_list import ClipList
from lamp_core.page.generate import Request
from lamp_core.page.shelf import CLIP, SET
from lamp_core.page.workshop import Answer, Workshop

NUMBERED = re.compile(r"[\W_]*\d+$")


class GalleryRequest(Request):
    """Name of a data set; that of the models without it."""

    set: str | None = None


def gallery(workshop: Workshop, asked: GalleryRequest) -> Answer:
    """The sets that can be looked at, and the clips of one: key, name, split, seconds, caption and action."""
    own = workshop.data / "features"
    folder = own if asked.set is None else workshop.shelf.folder_of(asked.set)
    clips = ClipList.load(folder)
    rate = clips.space.skeleton.frames_per_second
    rows = zip(clips.names, clips.splits, clips.frames, clips.captions, clips.labels, strict=True)
    return {
        "sets": sorted({*workshop.sets(), workshop.clips.dataset}),
        "set": clips.dataset,
        "prefix": CLIP if asked.set is None else f"{SET}{asked.set}/",
        "clips": [
            [name, split, round(frames / rate, 2), captions[0].text if captions else "", action(name, labels)]
            for name, split, frames, captions, labels in rows
        ],
    }


def action(name: str, labels: Mapping[str, str]) -> str:
    """What a clip shows in a word: its coarsest label, else its name without the number behind it."""
    return next(iter(labels.values()), "") or NUMBERED.sub("", name)
