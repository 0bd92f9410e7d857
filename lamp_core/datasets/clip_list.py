"""The clips of ``features.parquet`` without their features, and one clip's features on demand.

Shapes: T frames, D feature numbers a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.columns import captions_of, labels_of
from lamp_core.datasets.features_store import FEATURES_FILE, read_feature_column
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.errors import LampError
from lamp_core.io.kept import kept
from lamp_core.io.parquet import open_parquet

COLUMNS = ["clip", "split", "frames", "captions", "labels"]


@dataclass(frozen=True, eq=False)
class ClipList:
    """The clips of a data set.

    Args:
        folder: of the stage ``features``.
        dataset: its name.
        space: skeleton, statistics and reference pose.
        names: of the clips.
        splits: train, val or test, of each.
        frames: feature frames of each.
        captions: of each.
        labels: of each, see `Clip`.
        groups: first clip of each row group, and the number of clips.
    """

    folder: Path
    dataset: str
    space: FeatureSpace
    names: list[str]
    splits: list[str]
    frames: list[int]
    captions: list[list[Caption]]
    labels: list[Mapping[str, str]]
    groups: tuple[int, ...]

    @classmethod
    def load(cls, folder: Path) -> "ClipList":
        """Read the folder of the stage ``features``; LampError as `FeatureSpace.load`.

        It stays in memory until the stage has run again.
        """
        return kept((cls, folder.resolve()), [folder], lambda: cls._read(folder))

    @classmethod
    def _read(cls, folder: Path) -> "ClipList":
        space, path = FeatureSpace.load(folder), folder / FEATURES_FILE
        file = open_parquet(path, FEATURES)
        table = file.read(columns=COLUMNS)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        return cls(
            folder,
            load_metadata(path, file).dataset,
            space,
            table["clip"].to_pylist(),
            table["split"].to_pylist(),
            table["frames"].to_pylist(),
            [captions for chunk in table["captions"].chunks for captions in captions_of(chunk)],
            labels_of(table),
            tuple(np.cumsum([0, *sizes]).tolist()),
        )

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each clip."""
        return {name: place for place, name in enumerate(self.names)}

    def place(self, name: str) -> int:
        """The row of a clip; LampError where there is none of this name."""
        if name not in self.places:
            raise LampError(f"there is no clip '{name}' in {self.dataset}")
        return self.places[name]

    def features(self, name: str) -> np.ndarray:
        """Features (T, D) of a clip, not normalised; only its row group is read."""
        place = self.place(name)
        group = int(np.searchsorted(self.groups, place, side="right")) - 1
        return self._group(group)[place - self.groups[group]]

    def _group(self, group: int) -> list[np.ndarray]:
        def read() -> list[np.ndarray]:
            table: pa.Table = open_parquet(self.folder / FEATURES_FILE, FEATURES).read_row_group(group)
            return read_feature_column(table["features"], self.space.skeleton.feature_count)

        return kept((type(self), self.folder.resolve(), group), [self.folder], read)
