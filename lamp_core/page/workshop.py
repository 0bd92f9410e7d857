"""What the panels of a page share: the project's models and data, the motions, one turn at a time."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.datasets.clip_list import ClipList
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.inference.models import loaded
from lamp_core.page.shelf import HeldMotion, Shelf
from lamp_core.page.study import Trial
from lamp_core.remarks import Remark
from lamp_core.systems.capabilities import RECONSTRUCT
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import with_capability
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.protocol import first_channel

Answer = dict[str, Any]


def nothing() -> Answer:
    """No runs are known."""
    return {"runs": [], "stages": [], "links": []}


@dataclass(eq=False)
class Workshop:
    """A page's work.

    Args:
        data: the project's data folder.
        answers: file of the answers to blind comparisons (JSON, a line each).
        others: data folders of other runs, by the name that they are shown under.
        runs: says what runs now.
        sets: folders of the stage ``features`` of the data sets that can be looked at, by name.
        trials: blind comparisons that wait for their answer.
    """

    data: Path
    answers: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    runs: Callable[[], Answer] = nothing
    sets: Callable[[], Mapping[str, Path]] = dict
    shelf: Shelf = field(init=False)
    trials: OrderedDict[str, Trial] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.data / "features", self.sets)

    @property
    def space(self) -> FeatureSpace:
        """Skeleton and statistics of the models; LampError where the stage features has not run."""
        return FeatureSpace.load(self.data / "features")

    @property
    def clips(self) -> ClipList:
        """The data set of the models; LampError likewise."""
        return ClipList.load(self.data / "features")

    def data_of(self, run: str | None) -> Path:
        """The data folder of a run, of the project itself without a name.

        What `lamp fetch` wrote has models alone; they are shown with the project's features.

        Raises:
            LampError: there is no run of this name.
        """
        if run is None:
            return self.data
        if run not in self.others:
            known = ", ".join(self.others) or "none"
            raise LampError(f"no run {run!r}; known: {known}; `lamp page --with NAME=FOLDER` adds one")
        folder = self.others[run]
        if (folder / "features").is_dir():
            return folder
        joined = self.shelf.folder / "runs" / str(list(self.others).index(run))
        joined.mkdir(parents=True, exist_ok=True)
        for found in (*(path for path in folder.iterdir() if path.is_dir()), self.data / "features"):
            if not (joined / found.name).is_symlink():
                (joined / found.name).symlink_to(found.resolve())
        return joined

    @contextmanager
    def turn(self) -> Iterator[list[str]]:
        """One user's turn at the models; gives the remarks that are made in it."""
        notes: list[str] = []
        with self._turn, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", Remark)
            yield notes
            notes += dict.fromkeys(str(each.message) for each in caught if issubclass(each.category, Remark))

    def keep(
        self,
        title: str,
        joints_TJ3: np.ndarray,
        features_TD: np.ndarray | None,
        caption: str = "",
        made: tuple[float, float] | None = None,
    ) -> HeldMotion:
        """Put a motion of the models' skeleton on the shelf, with its tokens."""
        skeleton = self.space.skeleton
        rate, tokens = skeleton.frames_per_second, self.tokens(features_TD)
        return self.shelf.add(
            HeldMotion("", title, joints_TJ3, skeleton, rate, caption, features_TD, None, made, tokens)
        )

    def keep_all(
        self,
        title: str,
        joints: Sequence[np.ndarray],
        features: Sequence[np.ndarray],
        caption: str,
        made: tuple[float, float] | None = None,
    ) -> list[HeldMotion]:
        """Put motions that were made together on the shelf, several of them numbered; as `keep`."""
        titles = [f"{title} {number}" if len(joints) > 1 else title for number in range(1, len(joints) + 1)]
        return [
            self.keep(each, joints_TJ3, features_TD, caption, made)
            for each, joints_TJ3, features_TD in zip(titles, joints, features, strict=True)
        ]

    def tokens(self, features_TD: np.ndarray | None) -> tuple[int, ...]:
        """The codes of a motion in the tokenizer's first channel; none where there is no tokenizer."""
        if features_TD is None or not with_capability(MODELS, RECONSTRUCT)[0].is_trained(self.data):
            return ()
        normalised_TD = np.asarray(self.space.statistics.normalise(features_TD), dtype=np.float32)
        (codes_SR,) = encode_clips(loaded(self.data, RECONSTRUCT).tokenizer, [normalised_TD])
        return tuple(first_channel(codes_SR).tolist())
