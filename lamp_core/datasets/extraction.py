"""The stage ``features``: from ``clips.parquet`` to ``features.parquet``, ``mean.npy``, ``std.npy`` and
``reference.npy``.

Clips are read, encoded and written shard by shard, so that memory does not grow with the data set; the
statistics come from a second pass over what was written.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import torch

from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.features_store import (
    FEATURES_FILE,
    REFERENCE_FILE,
    feature_table,
    read_feature_column,
)
from lamp_core.datasets.ingest import CLIPS_FILE, REJECTED_FILE
from lamp_core.datasets.schema import FEATURES, DatasetMetadata, dump_metadata, open_parquet
from lamp_core.datasets.store import (
    Rejected,
    atomic_path,
    count_clips,
    parquet_writer,
    read_clip_metadata,
    read_clips,
    write_rejected,
)
from lamp_core.errors import LampError, RejectedClip
from lamp_core.features.encode import encode_batch
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics, feature_statistics
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

FRAMES_A_SHARD = 20_000


@dataclass
class ExtractionSummary:
    """What came of the clips.

    Args:
        clips_of_split: clips with features by split.
        frames: their feature frames.
        rejected: the clips that have no features.
    """

    clips_of_split: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    frames: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def clips(self) -> int:
        """Clips with features."""
        return sum(self.clips_of_split.values())


def extract_features(
    clips_folder: Path,
    output_folder: Path,
    *,
    std_root_divisor: float = 5.0,
    statistics: Literal["train", "published"] = "train",
    on_progress: Callable[[int, int], None] | None = None,
) -> ExtractionSummary:
    """Compute the features of every clip; ready features of the source are used as they are.

    Args:
        clips_folder: holds ``clips.parquet``.
        output_folder: where the features, statistics, reference pose and ``rejected.parquet`` are written.
        std_root_divisor: deviations of root and contacts of the train split are divided by this.
        statistics: of the train split, or Mean.npy and Std.npy of the source as they are.
        on_progress: called with the number of clips done and the number of all.

    Raises:
        LampError: no clips file, no clip of the train split left, or no published statistics in the source.
    """
    clips_path = clips_folder / CLIPS_FILE
    metadata = read_clip_metadata(clips_path)
    if statistics == "published" and metadata.published_mean is None:
        raise LampError(
            f"data set {metadata.dataset!r} has no Mean.npy and Std.npy; set features.statistics to train"
        )
    skeleton = load_skeleton(metadata.skeleton)
    reference_J3 = np.array(metadata.reference, dtype=np.float32)
    summary, digest, total = ExtractionSummary(), hashlib.sha256(), count_clips(clips_path)
    with one_thread(), parquet_writer(output_folder / FEATURES_FILE, FEATURES) as writer:
        for shard in shards(read_clips(clips_path)):
            encoded = _encode_shard(shard, skeleton, reference_J3, summary)
            _write_shard(encoded, writer, digest, summary)
            if on_progress is not None:
                on_progress(summary.clips + len(summary.rejected), total)
        found = metadata.model_copy(update={"content_hash": digest.hexdigest()})
        writer.add_key_value_metadata(dump_metadata(found))
    write_rejected(output_folder / REJECTED_FILE, summary.rejected)
    _save_array(output_folder / REFERENCE_FILE, reference_J3)
    if statistics == "train" and not summary.clips_of_split["train"]:
        raise LampError(
            f"no clip of the train split of {metadata.dataset!r} has features, so there is no mean"
        )
    found_statistics = _statistics(output_folder, metadata, skeleton, std_root_divisor, statistics)
    _save_statistics(output_folder, found_statistics)
    return summary


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: the last bits of the features do not depend on the machine's cores.

    It costs nothing, since encoding works on blocks too small to share.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def shards(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Clips in order, together about `FRAMES_A_SHARD` frames."""
    shard: list[Clip] = []
    frames = 0
    for clip in clips:
        shard.append(clip)
        frames += len(clip.joints_TJ3)
        if frames >= FRAMES_A_SHARD:
            yield shard
            shard, frames = [], 0
    if shard:
        yield shard


def _encode_shard(
    shard: list[Clip], skeleton: Skeleton, reference_J3: np.ndarray, summary: ExtractionSummary
) -> list[tuple[Clip, np.ndarray]]:
    """The clips that have features, with them; the others go to the summary."""
    joints = [clip.joints_TJ3 for clip in shard if clip.features_TD is None]
    try:
        computed = iter(_encode(joints, skeleton, reference_J3))
        return [(clip, next(computed) if clip.features_TD is None else clip.features_TD) for clip in shard]
    except RejectedClip as rejected:
        if len(shard) == 1:
            clip = shard[0]
            summary.rejected.append(Rejected(clip.name, clip.source, rejected.reason, rejected.detail))
            return []
    # One bad clip stops its whole batch: halve until it stands alone.
    middle = len(shard) // 2
    halves = (shard[:middle], shard[middle:])
    return [pair for half in halves for pair in _encode_shard(half, skeleton, reference_J3, summary)]


def _encode(joints: list[np.ndarray], skeleton: Skeleton, reference_J3: np.ndarray) -> list[np.ndarray]:
    if not joints:
        return []
    # Copied: torch takes no read-only arrays.
    encoded = encode_batch([torch.tensor(joints_TJ3) for joints_TJ3 in joints], skeleton, reference_J3)
    features = [features_TD.numpy() for features_TD in encoded]
    if not all(np.isfinite(features_TD).all() for features_TD in features):
        raise RejectedClip("not-finite", "the features are not finite")
    return features


def _write_shard(
    encoded: list[tuple[Clip, np.ndarray]],
    writer: pq.ParquetWriter,
    digest: "hashlib._Hash",
    summary: ExtractionSummary,
) -> None:
    clips, features = [clip for clip, _ in encoded], [features_TD for _, features_TD in encoded]
    for clip, features_TD in encoded:
        digest.update(f"{clip.name} {features_TD.shape}\n".encode())
        digest.update(np.ascontiguousarray(features_TD, dtype=np.float32).data)
        summary.clips_of_split[clip.split] += 1
        summary.frames += len(features_TD)
    names, splits = [clip.name for clip in clips], [clip.split for clip in clips]
    writer.write_table(feature_table(names, splits, [clip.captions for clip in clips], features))


def _statistics(
    folder: Path, metadata: DatasetMetadata, skeleton: Skeleton, std_root_divisor: float, kind: str
) -> FeatureStatistics:
    if kind == "published":
        # As they are, without the divisor: whoever publishes statistics has divided them or not.
        mean_D, std_D = (
            np.array(row, dtype=np.float32) for row in (metadata.published_mean, metadata.published_std)
        )
        return FeatureStatistics(mean_D, std_D)
    train = train_features(folder / FEATURES_FILE, skeleton)
    return feature_statistics(train, FeatureLayout.of(skeleton), std_root_divisor)


def train_features(path: Path, skeleton: Skeleton) -> Iterator[np.ndarray]:
    """The features (T, D) of the train split, a shard in memory at a time."""
    file = open_parquet(path, FEATURES)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=["split", "features"])
        features = read_feature_column(table["features"], skeleton.feature_count)
        for split, features_TD in zip(table["split"].to_pylist(), features, strict=True):
            if split == "train":
                yield features_TD


def _save_statistics(folder: Path, statistics: FeatureStatistics) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        statistics.save(temporary)
        for path in Path(temporary).iterdir():
            path.replace(folder / path.name)


def _save_array(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
