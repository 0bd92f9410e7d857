"""The motions of a page: made, dropped or of a data set, by the name under which the browser asks for them.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lamp_core.datasets.clip_list import ClipList
from lamp_core.datasets.motion_file import FeatureSpace, Gate
from lamp_core.errors import LampError
from lamp_core.inference.generate import joints_of
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.player import PlayerMotion, motion_data

MOST = 500
"""Motions that are made or dropped; the oldest is forgotten first."""
CLIP, SET = "clip:", "set:"
"""Before the name of a clip of the models' data set; before ``NAME/CLIP`` of any set."""
TAKEN = Gate(force=True)
"""How files of the shelf are read again: they were looked at when they came in."""


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
        file: where its features go (``.npy``) for commands that read files; None where ``features_TD`` is.
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
        """A file of its features, written anew; LampError where the models have another skeleton."""
        if self.file is None or self.features_TD is None:
            raise LampError(f"{self.title} is of {self.skeleton.name}; the models are of another skeleton")
        np.save(self.file, np.asarray(self.features_TD, dtype=np.float32))
        return self.file


class Shelf:
    """Holds the motions of a page.

    Args:
        own: folder of the stage ``features`` that the models were trained on.
        sets: such folders of all data sets that can be looked at, by name.
    """

    def __init__(self, own: Path, sets: Callable[[], Mapping[str, Path]]) -> None:
        self._own, self._sets = own, sets
        self._folder = TemporaryDirectory(prefix="lamp-page-")
        self._held: OrderedDict[str, HeldMotion] = OrderedDict()
        self._at_it = threading.Lock()

    @property
    def folder(self) -> Path:
        """For files of this page; it goes with the page."""
        return Path(self._folder.name)

    def add(self, motion: HeldMotion) -> HeldMotion:
        """Keep a motion, by a key of its own."""
        key = secrets.token_hex(4)
        file = None if motion.features_TD is None else self.folder / f"{key}.npy"
        held = replace(motion, key=key, file=file)
        with self._at_it:
            self._held[key] = held
            oldest = self._held.popitem(last=False)[1] if len(self._held) > MOST else held
        if oldest is not held and oldest.file is not None:
            oldest.file.unlink(missing_ok=True)
        return held

    def get(self, key: str) -> HeldMotion:
        """A motion by its key, or a clip of the data set; LampError where it is not held any more."""
        if key.startswith(CLIP):
            return self._clip(key, self._own, key.removeprefix(CLIP))
        if key.startswith(SET):
            name, _, clip = key.removeprefix(SET).partition("/")
            return self._clip(key, self.folder_of(name), clip)
        with self._at_it:
            if key not in self._held:
                raise LampError("this motion is not held any more; make it again")
            self._held.move_to_end(key)
            return self._held[key]

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def folder_of(self, name: str) -> Path:
        """Features of a data set; LampError where there are none of this name."""
        sets = self._sets()
        if name not in sets:
            raise LampError(
                f"no clips of the data set {name!r} stand here; `lamp data describe {name}` makes them"
            )
        return sets[name]

    def _clip(self, key: str, folder: Path, name: str) -> HeldMotion:
        clips = ClipList.load(folder)
        place, skeleton = clips.place(name), clips.space.skeleton
        features_TD, captions = np.array(clips.features(name)), clips.captions[place]
        is_models = skeleton == FeatureSpace.load(self._own).skeleton
        file = self.folder / f"clip-{clips.dataset}-{place}.npy" if is_models else None
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
