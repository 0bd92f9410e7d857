"""The motions of a page: made, dropped or of a data set, by the name under which the browser asks for them.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lamp_core.datasets.clip_list import ClipList
from lamp_core.errors import LampError
from lamp_core.inference.generate import joints_of
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.player import PlayerMotion, motion_data

MOST = 500
"""Motions that are made or dropped; the oldest is forgotten first."""
CLIP = "clip:"
"""Before the name of a clip of the data set."""


@dataclass(frozen=True, eq=False)
class HeldMotion:
    """A motion that a page shows.

    Args:
        key: by which it is asked for.
        title: above it.
        joints_TJ3: in the skeleton's unit.
        skeleton: whose joints they are.
        rate: frames a second.
        caption: what it shows.
        features_TD: not normalised; None where it is of another skeleton than the models.
        file: its features (``.npy``), as the commands read them.
        made: from and to, in seconds, of a stretch that a model made.
        tokens: of the tokenizer, one for four frames; none without a tokenizer.
    """

    key: str
    title: str
    joints_TJ3: np.ndarray
    skeleton: Skeleton
    rate: float
    caption: str = ""
    features_TD: np.ndarray | None = None
    file: Path | None = None
    made: tuple[float, float] | None = None
    tokens: tuple[int, ...] = ()

    @property
    def answer(self) -> dict[str, Any]:
        """What the browser gets."""
        shown = PlayerMotion(self.joints_TJ3, self.skeleton, self.rate, self.title, self.caption, self.made)
        return {
            "key": self.key,
            "title": self.title,
            "caption": self.caption,
            "seconds": round((len(self.joints_TJ3) - 1) / self.rate, 3),
            "tokens": list(self.tokens),
            "made": self.made,
            "data": motion_data(shown),
        }

    def require_features(self) -> Path:
        """The file of its features; LampError where the models have another skeleton."""
        if self.file is None:
            raise LampError(f"{self.title} is of {self.skeleton.name}; the models are of another skeleton")
        return self.file


class Shelf:
    """Holds the motions of a page.

    Args:
        data: the project's data folder.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = TemporaryDirectory(prefix="lamp-page-")
        self._held: OrderedDict[str, HeldMotion] = OrderedDict()

    @property
    def folder(self) -> Path:
        """For files of this page; it goes with the page."""
        return Path(self._folder.name)

    def add(self, motion: HeldMotion) -> HeldMotion:
        """Keep a motion, by a key of its own, with its features as a file."""
        key = secrets.token_hex(4)
        file = None
        if motion.features_TD is not None:
            file = self.folder / f"{key}.npy"
            np.save(file, np.asarray(motion.features_TD, dtype=np.float32))
        held = replace(motion, key=key, file=file)
        self._held[key] = held
        while len(self._held) > MOST:
            _, oldest = self._held.popitem(last=False)
            if oldest.file is not None:
                oldest.file.unlink(missing_ok=True)
        return held

    def get(self, key: str) -> HeldMotion:
        """A motion by its key, or a clip of the data set; LampError where it is not held any more."""
        if key.startswith(CLIP):
            return self._clip(key)
        if key not in self._held:
            raise LampError("this motion is not held any more: the page was started again; make it again")
        self._held.move_to_end(key)
        return self._held[key]

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def _clip(self, key: str) -> HeldMotion:
        name = key.removeprefix(CLIP)
        clips = ClipList.load(self._data / "features")
        features_TD = np.array(clips.features(name))
        captions, skeleton = clips.captions[clips.place(name)], clips.space.skeleton
        file = self.folder / f"clip-{clips.place(name)}.npy"
        np.save(file, features_TD)
        return HeldMotion(
            key,
            name,
            joints_of(features_TD, clips.space),
            skeleton,
            skeleton.frames_per_second,
            captions[0].text if captions else "",
            features_TD,
            file,
        )
