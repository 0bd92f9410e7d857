"""Features in Parquet: ``features.parquet`` with ``mean.npy``, ``std.npy`` and ``reference.npy`` beside it.

Shapes: T frames, J joints, D feature numbers a frame, N clips.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Split
from lamp_core.datasets.columns import (
    caption_column,
    captions_of,
    label_column,
    labels_of,
    part_caption_column,
    part_captions_of,
    ragged_column,
    ragged_views,
)
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.io.parquet import check_rows, open_parquet
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

FEATURES_FILE = "features.parquet"
REFERENCE_FILE = "reference.npy"


def feature_table(
    clips: Sequence[str],
    splits: Sequence[str],
    captions: Sequence[Sequence[Caption]],
    features: Sequence[np.ndarray],
    part_captions: Sequence[Mapping[str, Sequence[str]]] | None = None,
    labels: Sequence[Mapping[str, str]] | None = None,
) -> pa.Table:
    """A shard of clips as rows of the schema `FEATURES`."""
    columns = {
        "clip": list(clips),
        "split": list(splits),
        "frames": [len(features_TD) for features_TD in features],
        "captions": caption_column(captions),
        "part_captions": part_caption_column(part_captions or [{}] * len(clips)),
        "labels": label_column(labels or [{}] * len(clips)),
        "features": ragged_column(features),
    }
    return pa.table(columns, schema=FEATURES)


@dataclass(frozen=True)
class FeatureSet:
    """The features of a data set, as every stage after ``features`` reads them.

    Args:
        clips: N names.
        splits: N splits.
        captions: N lists of captions.
        features: N float32 arrays (T, D), not normalised; read-only views.
        skeleton: the joints behind the features.
        statistics: mean and deviation that normalise.
        reference_J3: the pose whose bone lengths every clip was given.
        dataset: name of the registered data set.
        version: hash of clip names, sources, captions and splits.
        feature_hash: hash of all features and of the statistics.
        split_hash: hash of clip names and splits.
        part_captions: N mappings from a body part to its sentences, empty where the source has none.
        labels: N mappings from a label's name to its value, see `Clip`.
    """

    clips: list[str]
    splits: list[Split]
    captions: list[list[Caption]]
    features: list[np.ndarray]
    skeleton: Skeleton
    statistics: FeatureStatistics
    reference_J3: np.ndarray
    dataset: str
    version: str
    feature_hash: str
    split_hash: str
    part_captions: list[Mapping[str, tuple[str, ...]]] = field(default_factory=list)
    labels: list[Mapping[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.clips)

    @classmethod
    def load(cls, folder: Path) -> "FeatureSet":
        """Read the folder of the stage ``features``.

        Raises:
            LampError: when a file of it is missing or does not have the schema.
        """
        path = Path(folder) / FEATURES_FILE
        file = open_parquet(path, FEATURES)
        metadata = load_metadata(path, file)
        skeleton = load_skeleton(metadata.skeleton)
        # Group by group: a list column of a whole data set may hold more numbers than its offsets count.
        table = pa.concat_tables([file.read_row_group(group) for group in range(file.num_row_groups)])
        check_rows(table, FEATURES, str(path), {"features": skeleton.feature_count})
        statistics = FeatureStatistics.load(folder)
        return cls(
            clips=table["clip"].to_pylist(),
            splits=table["split"].to_pylist(),
            captions=[captions for chunk in table["captions"].chunks for captions in captions_of(chunk)],
            features=read_feature_column(table["features"], skeleton.feature_count),
            skeleton=skeleton,
            statistics=statistics,
            reference_J3=load_reference(folder),
            dataset=metadata.dataset,
            version=metadata.version,
            feature_hash=_feature_hash(metadata.content_hash or "", statistics),
            split_hash=metadata.split_hash,
            part_captions=part_captions_of(table),
            labels=labels_of(table),
        )

    def of_split(self, split: str) -> list[int]:
        """Places of the clips of one split, in their order."""
        return [index for index, found in enumerate(self.splits) if found == split]


def feature_tables(path: Path, skeleton: Skeleton, *columns: str) -> Iterator[pa.Table]:
    """The features with some other columns, a checked row group at a time.

    Raises:
        LampError: when the file is missing or does not have the schema.
    """
    file = open_parquet(path, FEATURES)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=["frames", "features", *columns], use_threads=False)
        check_rows(table, FEATURES, str(path), {"features": skeleton.feature_count})
        yield table


def read_feature_column(column: pa.ChunkedArray, feature_count: int) -> list[np.ndarray]:
    """Views (T, D) into every chunk of the column."""
    views = [view for chunk in column.chunks for view in ragged_views(chunk, (feature_count,))]
    return [view for view in views if view is not None]


def load_reference(folder: Path) -> np.ndarray:
    """``reference.npy`` of the folder (J, 3); LampError when it is missing or unreadable."""
    path = Path(folder) / REFERENCE_FILE
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise LampError(f"{path} is missing or unreadable; run the stage features") from error


def _feature_hash(content_hash: str, statistics: FeatureStatistics) -> str:
    digest = hashlib.sha256(content_hash.encode())
    for values_D in (statistics.mean_D, statistics.std_D):
        digest.update(np.ascontiguousarray(values_D, dtype=np.float32).tobytes())
    return digest.hexdigest()
