"""The stage ``features``: from ``clips.parquet`` to ``features.parquet``, ``mean.npy``, ``std.npy`` and
``reference.npy``.

Clips are read, encoded, written and summed up shard by shard, so that memory does not grow with the data set.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import torch

from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.clips_store import CLIPS_FILE, ClipsFile, parquet_writer
from lamp_core.datasets.features_store import (
    FEATURES_FILE,
    REFERENCE_FILE,
    feature_table,
)
from lamp_core.datasets.parallel import in_order
from lamp_core.datasets.preprocessing.mirroring import mirror_images_among, with_mirror_images
from lamp_core.datasets.preprocessing.rejected_clips import (
    REJECTED_FILE,
    Rejected,
    RejectedWriter,
    Tally,
    rejected_writer,
)
from lamp_core.datasets.schema import FEATURES, DatasetMetadata, dump_metadata
from lamp_core.errors import LampError, RejectedClip
from lamp_core.features.encode import encode_batch
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics, RunningStatistics
from lamp_core.io.parquet import atomic_path
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

FRAMES_A_SHARD = 20_000
Encoded = np.ndarray | RejectedClip | None
"""Features of a clip, why it has none, or None when they came with the source."""


@dataclass
class ExtractionSummary:
    """What came of the clips.

    Args:
        clips_of_split: clips with features by split.
        frames: their feature frames.
        mirrored: how many of them are mirror images that were made here.
        rejected: how many clips have no features and why; each stands in ``rejected.parquet``.
    """

    clips_of_split: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    frames: int = 0
    mirrored: int = 0
    rejected: Tally = field(default_factory=Tally)

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
    mirror: bool = False,
    cluster: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ExtractionSummary:
    """Compute the features of every clip; ready features of the source are used as they are.

    Args:
        clips_folder: holds ``clips.parquet``.
        output_folder: where the features, statistics, reference pose and ``rejected.parquet`` are written.
        std_root_divisor: deviations of root and contacts of the train split are divided by this.
        statistics: of the train split, or Mean.npy and Std.npy of the source as they are.
        mirror: add the mirror image of every clip of the train split, from its features.
        cluster: address of a Dask scheduler, whose workers encode the shards instead of this process.
        on_progress: called with the number of clips done and the number of all.

    Raises:
        LampError: no clips file, no clip of the train split left, or no published statistics in the source.
    """
    clips = ClipsFile(clips_folder / CLIPS_FILE)
    metadata = clips.metadata
    if statistics == "published" and metadata.published_mean is None:
        raise LampError(
            f"data set {metadata.dataset!r} has no Mean.npy and Std.npy; set features.statistics to train"
        )
    skeleton = load_skeleton(metadata.skeleton)
    reference_J3 = np.array(metadata.reference, dtype=np.float32)
    summary, digest, total = ExtractionSummary(), hashlib.sha256(), len(clips)
    of_train = RunningStatistics(FeatureLayout.of(skeleton)) if statistics == "train" else None
    present = mirror_images_among(clips.names()) if mirror else set()
    encode = partial(encode_joints, skeleton=skeleton.name, reference_J3=reference_J3)
    with (
        parquet_writer(output_folder / FEATURES_FILE, FEATURES) as writer,
        rejected_writer(output_folder / REJECTED_FILE) as rejected,
    ):
        for shard, outcomes in _encoded(shards(clips), encode, cluster):
            pairs = _with_features(shard, outcomes, rejected, summary)
            if mirror:
                found_clips = len(pairs)
                pairs = list(with_mirror_images(pairs, skeleton, present))
                summary.mirrored += len(pairs) - found_clips
            _write_shard(pairs, writer, digest, summary, of_train)
            if on_progress is not None:
                on_progress(summary.clips - summary.mirrored + summary.rejected.clips, total)
        found = metadata.model_copy(update={"content_hash": digest.hexdigest()})
        writer.add_key_value_metadata(dump_metadata(found))
    _save_array(output_folder / REFERENCE_FILE, reference_J3)
    if statistics == "train" and not summary.clips_of_split["train"]:
        raise LampError(
            f"no clip of the train split of {metadata.dataset!r} has features: there is no mean, and nothing "
            f"to train on; `lamp evaluate --on {metadata.dataset}` measures trained models on it"
        )
    found_statistics = _published(metadata) if of_train is None else of_train.found(std_root_divisor)
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


def _encoded(
    all_shards: Iterable[list[Clip]],
    encode: Callable[[list[np.ndarray | None]], list[Encoded]],
    cluster: str | None,
) -> Iterator[tuple[list[Clip], list[Encoded]]]:
    """Every shard with what came of its joints; only these travel to a worker and back."""
    waiting: deque[list[Clip]] = deque()

    def joints() -> Iterator[list[np.ndarray | None]]:
        for shard in all_shards:
            waiting.append(shard)
            yield [clip.joints_TJ3 if clip.features_TD is None else None for clip in shard]

    for outcomes in in_order(encode, joints(), processes=1, cluster=cluster):
        yield waiting.popleft(), outcomes


def encode_joints(joints: list[np.ndarray | None], skeleton: str, reference_J3: np.ndarray) -> list[Encoded]:
    """Features of each clip, or why it has none; None where there are no joints, whose features are ready."""
    present = {place: joints_TJ3 for place, joints_TJ3 in enumerate(joints) if joints_TJ3 is not None}
    outcomes: list[Encoded] = [None] * len(joints)
    with one_thread():
        found = _encode_halving(list(present.values()), load_skeleton(skeleton), reference_J3)
    for place, outcome in zip(present, found, strict=True):
        outcomes[place] = outcome
    return outcomes


def _encode_halving(joints: list[np.ndarray], skeleton: Skeleton, reference_J3: np.ndarray) -> list[Encoded]:
    """One bad clip stops its whole batch: halve until it stands alone."""
    try:
        return list(_encode(joints, skeleton, reference_J3))
    except RejectedClip as rejected:
        if len(joints) == 1:
            return [rejected]
    middle = len(joints) // 2
    halves = (joints[:middle], joints[middle:])
    return [outcome for half in halves for outcome in _encode_halving(half, skeleton, reference_J3)]


def _with_features(
    shard: list[Clip], outcomes: list[Encoded], rejected: RejectedWriter, summary: ExtractionSummary
) -> list[tuple[Clip, np.ndarray]]:
    """The clips that have features, with them; the others are written down and counted."""
    pairs = []
    for clip, outcome in zip(shard, outcomes, strict=True):
        if isinstance(outcome, RejectedClip):
            row = Rejected(clip.name, clip.source, outcome.reason, outcome.detail)
            rejected.add(row)
            summary.rejected.add(row)
            continue
        features_TD = clip.features_TD if outcome is None else outcome
        if features_TD is not None:
            pairs.append((clip, features_TD))
    return pairs


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
    of_train: RunningStatistics | None,
) -> None:
    clips, features = [clip for clip, _ in encoded], [features_TD for _, features_TD in encoded]
    for clip, features_TD in encoded:
        digest.update(f"{clip.name} {features_TD.shape}\n".encode())
        written_TD = np.ascontiguousarray(features_TD, dtype=np.float32)
        digest.update(written_TD.data)
        if of_train is not None and clip.split == "train":
            of_train.add(written_TD)
        summary.clips_of_split[clip.split] += 1
        summary.frames += len(features_TD)
    names, splits = [clip.name for clip in clips], [clip.split for clip in clips]
    captions, of_parts = [clip.captions for clip in clips], [clip.part_captions for clip in clips]
    labels = [clip.labels for clip in clips]
    writer.write_table(feature_table(names, splits, captions, features, of_parts, labels))


def _published(metadata: DatasetMetadata) -> FeatureStatistics:
    """Those of the source as they are, without the divisor: whoever publishes them has divided or not."""
    mean_D, std_D = (
        np.array(row, dtype=np.float32) for row in (metadata.published_mean, metadata.published_std)
    )
    return FeatureStatistics(mean_D, std_D)


def _save_statistics(folder: Path, statistics: FeatureStatistics) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        statistics.save(temporary)
        for path in Path(temporary).iterdir():
            path.replace(folder / path.name)


def _save_array(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
