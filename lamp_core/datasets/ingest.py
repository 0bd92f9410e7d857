"""The stage ``ingest``: every source becomes ``clips.parquet`` and ``rejected.parquet``.

Clips are loaded in worker processes and written in the order of their names, whatever the number of workers.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.schema import CLIPS, DatasetMetadata, dump_metadata
from lamp_core.datasets.sources import KINDS, ClipJob, Source
from lamp_core.datasets.store import Rejected, clip_table, groups, parquet_writer, write_rejected
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

CLIPS_FILE = "clips.parquet"
REJECTED_FILE = "rejected.parquet"
JOBS_A_TASK = 16
EXAMPLES_A_REASON = 3

Progress = Callable[[int, int], None]


@dataclass
class IngestSummary:
    """What came of a source.

    Args:
        clips: accepted clips.
        clips_of_split: accepted clips by split.
        captions: captions of accepted clips.
        skipped_captions: caption lines of accepted clips that did not parse.
        frames: joint frames of accepted clips.
        rejected: the clips that were left out.
        version: hash of clip names, source hashes, captions and splits.
    """

    clips: int = 0
    clips_of_split: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    captions: int = 0
    skipped_captions: int = 0
    frames: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    version: str = ""

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected clips by reason, the most frequent first."""
        return dict(Counter(row.reason for row in self.rejected).most_common())

    def add(self, clip: Clip) -> None:
        """Count an accepted clip."""
        self.clips += 1
        self.clips_of_split[clip.split] += 1
        self.captions += len(clip.captions)
        self.skipped_captions += clip.skipped_captions
        self.frames += len(clip.joints_TJ3)


def ingest(
    source: Source,
    skeleton: Skeleton,
    output_folder: Path,
    *,
    min_frames: int = 2,
    max_rejected: float = 0.1,
    procedural: tuple[int, int] | None = None,
    workers: int | None = None,
    failed_folder: Path | None = None,
    on_progress: Progress | None = None,
) -> IngestSummary:
    """Load every clip of a source and write ``clips.parquet`` and ``rejected.parquet``.

    Args:
        source: a registered data set.
        skeleton: the joints that clips are mapped onto.
        output_folder: where both files are written.
        min_frames: clips with fewer joint frames are rejected as ``too-short``.
        max_rejected: largest share of rejected clips.
        procedural: number of clips and seed of the procedural data set; other sources do not read it.
        workers: processes; all cores when None.
        failed_folder: where ``rejected.parquet`` is kept when too many clips fail; the output folder if None.
        on_progress: called with the number of clips done and the number of all.

    Raises:
        LampError: more than `max_rejected` of the clips were rejected, no clip to take the reference pose
            from, or a skeleton that the source cannot give.
    """
    if source.skeleton not in {None, skeleton.name}:
        raise LampError(f"data set {source.name!r} has the skeleton {source.skeleton}, not {skeleton.name}")
    if procedural is not None:
        source = source.model_copy(update={"clips": procedural[0], "seed": procedural[1]})
    jobs = KINDS[source.kind].clip_jobs(source, skeleton)
    if not jobs:
        raise LampError(f"data set {source.name!r} has no clips")
    summary, record = IngestSummary(), _DatasetRecord(source, skeleton)
    loaded = load_clips(jobs, skeleton, min_frames, workers or available_cores())
    with parquet_writer(output_folder / CLIPS_FILE, CLIPS) as writer:
        for group in groups(_accepted(loaded, summary, len(jobs), on_progress)):
            record.add(group)
            writer.write_table(clip_table(group))
        write_rejected(output_folder / REJECTED_FILE, summary.rejected)
        _check_share(summary, source.name, len(jobs), max_rejected, failed_folder or output_folder)
        writer.add_key_value_metadata(dump_metadata(record.metadata()))
    return replace(summary, version=record.version)


def load_clips(
    jobs: Sequence[ClipJob], skeleton: Skeleton, min_frames: int, workers: int
) -> Iterator[Clip | Rejected]:
    """Load the clips of all jobs in their order, each accepted or rejected.

    Raises:
        LampError: when a worker process died.
    """
    load = partial(load_or_reject, skeleton=skeleton.name, min_frames=min_frames)
    workers = min(workers, len(jobs) // (2 * JOBS_A_TASK))
    if workers < 2:
        yield from map(load, jobs)
        return
    # Spawned, not forked: the threads of the parent's libraries do not survive a fork.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_use_one_thread)
    try:
        yield from pool.map(load, jobs, chunksize=JOBS_A_TASK)
    except BrokenProcessPool as error:
        raise LampError(
            "a process that loads clips died, mostly for want of memory; use fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _use_one_thread() -> None:
    """One process a core, so each keeps to one thread (read by torch when a job imports it)."""
    os.environ["OMP_NUM_THREADS"] = "1"


def load_or_reject(job: ClipJob, skeleton: str, min_frames: int) -> Clip | Rejected:
    """Load one clip and check its joints."""
    try:
        clip = job.load()
        _check_joints(clip.joints_TJ3, load_skeleton(skeleton), min_frames)
    except RejectedClip as rejected:
        return Rejected(job.name, job.source, rejected.reason, rejected.detail)
    return clip


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_joints(joints_TJ3: np.ndarray, skeleton: Skeleton, min_frames: int) -> None:
    if joints_TJ3.shape[1:] != (skeleton.joint_count, 3):
        raise RejectedClip("joint-count", f"joints {joints_TJ3.shape}, not (T, {skeleton.joint_count}, 3)")
    if len(joints_TJ3) < min_frames:
        rate = skeleton.frames_per_second
        raise RejectedClip(
            "too-short", f"{len(joints_TJ3)} frames at {rate:g} a second, fewer than {min_frames}"
        )
    if not np.isfinite(joints_TJ3).all():
        raise RejectedClip(
            "not-finite", f"{int((~np.isfinite(joints_TJ3)).sum())} coordinates are not finite"
        )


def _accepted(
    loaded: Iterable[Clip | Rejected], summary: IngestSummary, total: int, on_progress: Progress | None
) -> Iterator[Clip]:
    """Pass accepted clips on, count both kinds in the summary."""
    for done, outcome in enumerate(loaded, start=1):
        if isinstance(outcome, Rejected):
            summary.rejected.append(outcome)
        else:
            summary.add(outcome)
            yield outcome
        if on_progress is not None:
            on_progress(done, total)


def _check_share(summary: IngestSummary, name: str, total: int, max_rejected: float, folder: Path) -> None:
    share = len(summary.rejected) / total
    if share > max_rejected:
        path = folder / REJECTED_FILE
        folder.mkdir(parents=True, exist_ok=True)
        write_rejected(path, summary.rejected)
        raise LampError(
            f"{len(summary.rejected)} of {total} clips of {name!r} were rejected ({share:.1%}), more than the"
            f" {max_rejected:.1%} of ingest.max_rejected; each with its reason in {path}\n"
            + reasons_table(summary)
        )


def reasons_table(summary: IngestSummary) -> str:
    """The reasons of the rejected clips, how many clips each, and the first of them."""
    lines = [f"{'reason':<20} {'clips':>6}  first"]
    for reason, count in summary.reasons.items():
        first = [row.clip for row in summary.rejected if row.reason == reason][:EXAMPLES_A_REASON]
        lines.append(f"{reason:<20} {count:>6}  {', '.join(first)}")
    return "\n".join(lines)


class _DatasetRecord:
    """Gathers what the metadata of a data set need while its clips pass by."""

    def __init__(self, source: Source, skeleton: Skeleton) -> None:
        self.source, self.skeleton = source, skeleton
        self.lines: dict[str, str] = {}
        self.splits: dict[str, str] = {}
        self.pose_of: dict[str, np.ndarray] = {}

    def add(self, clips: Iterable[Clip]) -> None:
        """Note what the hashes and the reference pose are made from."""
        for clip in clips:
            if clip.name in self.lines:
                raise LampError(f"two clips of {self.source.name!r} have the name {clip.name!r}; rename one")
            self.lines[clip.name] = json.dumps(
                [clip.source_sha256, clip.split, [astuple(c) for c in clip.captions]]
            )
            self.splits[clip.name] = clip.split
            self._note_pose(clip)

    def _note_pose(self, clip: Clip) -> None:
        """Keep the first frame of the reference clip, or else of the first train clip by name."""
        wanted = self.source.reference_clip
        is_first = (
            wanted is None
            and clip.split == "train"
            and clip.name < min(self.pose_of, default=clip.name + "\0")
        )
        if clip.name == wanted or is_first:
            self.pose_of = {clip.name: np.array(clip.joints_TJ3[0])}

    @property
    def version(self) -> str:
        """SHA-256 over sorted clip names with source hash, split and captions."""
        return _sha256(f"{name} {self.lines[name]}" for name in sorted(self.lines))

    def metadata(self) -> DatasetMetadata:
        """What holds for all clips; LampError without a clip to take the reference pose from."""
        statistics = KINDS[self.source.kind].published_statistics(self.source, self.skeleton)
        return DatasetMetadata(
            dataset=self.source.name,
            skeleton=self.skeleton.name,
            version=self.version,
            split_hash=_sha256(f"{name} {self.splits[name]}" for name in sorted(self.splits)),
            reference=self._reference().tolist(),
            published_mean=statistics[0].tolist() if statistics else None,
            published_std=statistics[1].tolist() if statistics else None,
        )

    def _reference(self) -> np.ndarray:
        pose = KINDS[self.source.kind].reference_pose(self.source, self.skeleton)
        if pose is not None:
            return pose
        if not self.pose_of:
            wanted = self.source.reference_clip
            fault = (
                f"its reference clip {wanted!r} was rejected; name another"
                if wanted
                else "no clip of its train split was accepted"
            )
            raise LampError(f"data set {self.source.name!r} has no reference pose: {fault}")
        return next(iter(self.pose_of.values()))


def _sha256(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
