"""The stage ``ingest``: every source becomes ``clips.parquet`` and ``rejected.parquet``.

Clips are loaded in worker processes and written in the order of the source's jobs, whatever the number of
workers. What is kept of a clip after it is written is a number: memory does not grow with the data set.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import hashlib
import json
import os
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.config.models import ClipLimits
from lamp_core.datasets.captions import BUILT_IN, Caption
from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.clips_store import CLIPS_FILE, clip_table, groups, parquet_writer
from lamp_core.datasets.labels import labels_of_name
from lamp_core.datasets.parallel import in_order
from lamp_core.datasets.preprocessing.clip_checks import check_clip
from lamp_core.datasets.preprocessing.rejected_clips import (
    REJECTED_FILE,
    Rejected,
    RejectedWriter,
    Tally,
    rejected_writer,
)
from lamp_core.datasets.preprocessing.taggers import retagger
from lamp_core.datasets.schema import CLIPS, DatasetMetadata, dump_metadata
from lamp_core.datasets.sources import KINDS, ClipJob, ClipJobs, Source
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.parquet import atomic_path
from lamp_core.skeleton.mapping import load_map
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

JOBS_A_TASK = 16

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
        rejected: how many clips were left out and why; each stands in ``rejected.parquet``.
        warnings: accepted clips by the check that they failed.
        version: hash of clip names, source hashes, captions, labels and splits.
    """

    clips: int = 0
    clips_of_split: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    captions: int = 0
    skipped_captions: int = 0
    frames: int = 0
    rejected: Tally = field(default_factory=Tally)
    warnings: Counter[str] = field(default_factory=Counter)
    version: str = ""

    def add(self, clip: Clip) -> None:
        """Count an accepted clip."""
        self.clips += 1
        self.clips_of_split[clip.split] += 1
        self.captions += len(clip.captions)
        self.skipped_captions += clip.skipped_captions
        self.frames += len(clip.joints_TJ3)
        self.warnings.update(clip.warnings)


def ingest(
    source: Source,
    skeleton: Skeleton,
    output_folder: Path,
    *,
    min_frames: int = 2,
    limits: ClipLimits | None = None,
    tagger: str = BUILT_IN,
    max_rejected: float = 0.1,
    procedural: tuple[int, int] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    failed_folder: Path | None = None,
    on_progress: Progress | None = None,
) -> IngestSummary:
    """Load every clip of a source and write ``clips.parquet`` and ``rejected.parquet``.

    Args:
        source: a registered data set.
        skeleton: the joints that clips are mapped onto.
        output_folder: where both files are written.
        min_frames: clips with fewer joint frames are rejected as ``too-short``.
        limits: thresholds of the checks of each clip, and which of them reject; the defaults when None.
        tagger: of captions without tags: built-in, spacy, or auto (spaCy where its model is).
        max_rejected: largest share of rejected clips.
        procedural: number of clips and seed of the procedural data set; other sources do not read it.
        workers: processes; all cores when None.
        cluster: address of a Dask scheduler, whose workers load the clips instead.
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
    loaded = load_clips(
        jobs, skeleton, min_frames, workers or available_cores(), limits, cluster, tagger, source.labels
    )
    with parquet_writer(output_folder / CLIPS_FILE, CLIPS) as writer:
        with rejected_writer(output_folder / REJECTED_FILE) as rejected:
            for group in groups(_accepted(loaded, rejected, summary, len(jobs), on_progress)):
                record.add(group)
                writer.write_table(clip_table(group))
        _check_names(jobs, record)
        _check_share(summary, source.name, len(jobs), max_rejected, output_folder, failed_folder)
        writer.add_key_value_metadata(dump_metadata(record.metadata()))
    return replace(summary, version=record.version)


def load_clips(
    jobs: ClipJobs,
    skeleton: Skeleton,
    min_frames: int,
    workers: int,
    limits: ClipLimits | None = None,
    cluster: str | None = None,
    tagger: str = BUILT_IN,
    labels: str | None = None,
) -> Iterator[Clip | Rejected]:
    """Load the clips of all jobs in their order, each accepted or rejected.

    Raises:
        LampError: as `in_order` and `retagger`.
    """
    retagger(tagger)  # a tagger that is not there is said at once
    load = partial(
        load_or_reject,
        skeleton=skeleton.name,
        min_frames=min_frames,
        limits=limits,
        tagger=tagger,
        labels=labels,
    )
    workers = min(workers, len(jobs) // (2 * JOBS_A_TASK))
    return in_order(load, jobs, processes=workers, things_a_task=JOBS_A_TASK, cluster=cluster)


def load_or_reject(
    job: ClipJob,
    skeleton: str,
    min_frames: int,
    limits: ClipLimits | None = None,
    tagger: str = BUILT_IN,
    labels: str | None = None,
) -> Clip | Rejected:
    """Load one clip and check it; an accepted clip carries the names of the checks that it failed.

    Labels that the source does not say are read from the clip's name by the pattern `labels`.
    """
    try:
        clip = job.load()
    except RejectedClip as rejected:
        return Rejected(job.name, job.source, rejected.reason, rejected.detail)
    findings = check_clip(clip, load_skeleton(skeleton), limits, min_frames)
    for fault in findings:
        if fault.rejects:
            return Rejected(job.name, job.source, fault.reason, fault.detail)
    return replace(
        clip,
        captions=list(map(retagger(tagger), clip.captions)),
        labels=clip.labels or labels_of_name(labels, clip.name),
        warnings=tuple(finding.reason for finding in findings),
    )


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _accepted(
    loaded: Iterable[Clip | Rejected],
    rejected: RejectedWriter,
    summary: IngestSummary,
    total: int,
    on_progress: Progress | None,
) -> Iterator[Clip]:
    """Pass accepted clips on, write the others down, count both kinds in the summary."""
    for done, outcome in enumerate(loaded, start=1):
        if isinstance(outcome, Rejected):
            rejected.add(outcome)
            summary.rejected.add(outcome)
        else:
            summary.add(outcome)
            yield outcome
        if on_progress is not None:
            on_progress(done, total)


def _check_share(
    summary: IngestSummary, name: str, total: int, max_rejected: float, folder: Path, failed: Path | None
) -> None:
    """Raise when too many clips were rejected; their record is kept in the folder of failures."""
    rejected = summary.rejected
    share = rejected.clips / total
    if share <= max_rejected:
        return
    path = (failed or folder) / REJECTED_FILE
    if path != folder / REJECTED_FILE:
        with atomic_path(path) as temporary:
            shutil.copyfile(folder / REJECTED_FILE, temporary)
    raise LampError(
        f"{rejected.clips} of {total} clips of {name!r} were rejected ({share:.1%}), more than the"
        f" {max_rejected:.1%} of ingest.max_rejected; each with its reason in {path}\n"
        + reasons_table(rejected)
    )


def reasons_table(rejected: Tally) -> str:
    """The reasons of the rejected clips, how many clips each, and the first of them."""
    lines = [f"{'reason':<20} {'clips':>6}  first"]
    for reason, count in rejected.reasons.items():
        first = ", ".join(row.clip for row in rejected.examples_of[reason])
        lines.append(f"{reason:<20} {count:>6}  {first}")
    return "\n".join(lines)


class _DatasetRecord:
    """Gathers what the metadata of a data set need while its clips pass by."""

    def __init__(self, source: Source, skeleton: Skeleton) -> None:
        self.source, self.skeleton = source, skeleton
        self.versions, self.splits = hashlib.sha256(), hashlib.sha256()
        self.names = array("Q")
        self.tags_by: Counter[str] = Counter()
        self.pose_of: dict[str, np.ndarray] = {}
        self.pose_rank = 0
        self.skipped = 0
        self.remarks = Tally()

    def add(self, clips: Iterable[Clip]) -> None:
        """Note what the hashes and the reference pose are made from."""
        for clip in clips:
            line = [clip.source_sha256, clip.split, [_content(caption) for caption in clip.captions]]
            parts: list[object] = [dict(clip.part_captions)] if clip.part_captions else []
            parts += [{"labels": dict(clip.labels)}] if clip.labels else []
            self.versions.update(f"{clip.name} {json.dumps(line + parts)}\n".encode())
            self.splits.update(f"{clip.name} {clip.split}\n".encode())
            self.names.append(_name_number(clip.name))
            self.tags_by.update(caption.tags_by for caption in clip.captions)
            self.skipped += clip.skipped_captions
            for reason, text in clip.remarks:
                self.remarks.add(Rejected(clip.name, clip.source, reason, text))
            self._note_pose(clip)

    def _note_pose(self, clip: Clip) -> None:
        """Keep the first frame of the reference clip, or else of the first train clip.

        In a set without a train split, which is only measured on, of the first clip.
        """
        wanted = self.source.reference_clip
        rank = (clip.split == "train") + 1
        if clip.name == wanted or (wanted is None and rank > self.pose_rank):
            self.pose_rank, self.pose_of = rank, {clip.name: np.array(clip.joints_TJ3[0])}

    @property
    def version(self) -> str:
        """SHA-256 over clip names with source hash, split and captions, in the order of the clips."""
        return self.versions.hexdigest()

    def repeated_names(self) -> set[int]:
        """Numbers of the names that more than one clip has."""
        names, counts = np.unique(np.frombuffer(self.names, dtype=np.uint64), return_counts=True)
        return {int(name) for name in names[counts > 1]}

    def metadata(self) -> DatasetMetadata:
        """What holds for all clips; LampError without a clip to take the reference pose from."""
        statistics = KINDS[self.source.kind].published_statistics(self.source, self.skeleton)
        return DatasetMetadata(
            dataset=self.source.name,
            skeleton=self.skeleton.name,
            version=self.version,
            split_hash=self.splits.hexdigest(),
            reference=self._reference().tolist(),
            tags_by=dict(self.tags_by),
            remarks=[*self.source.remarks, *self._remarks()],
            joint_map=_joint_map(self.source),
            published_mean=statistics[0].tolist() if statistics else None,
            published_std=statistics[1].tolist() if statistics else None,
        )

    def _remarks(self) -> Iterator[str]:
        if self.skipped:
            yield f"{self.skipped} lines of the caption files are no caption and were dropped"
        for reason, clips in self.remarks.reasons.items():
            yield f"{reason}: {clips} clips ({self.remarks.examples_of[reason][0].detail})"

    def _reference(self) -> np.ndarray:
        pose = KINDS[self.source.kind].reference_pose(self.source, self.skeleton)
        if pose is not None:
            return pose
        if not self.pose_of:
            wanted = self.source.reference_clip
            fault = (
                f"its reference clip {wanted!r} was rejected; name another"
                if wanted
                else "no clip was accepted"
            )
            raise LampError(f"data set {self.source.name!r} has no reference pose: {fault}")
        return next(iter(self.pose_of.values()))


def _joint_map(source: Source) -> dict[str, Any] | None:
    """The map of a source whose motions need one, as its files were read."""
    if source.map is None:
        return None
    joint_map = load_map(source.map).measured(source.unit, source.up, source.left_handed)
    return joint_map.model_dump(mode="json")


def _content(caption: Caption) -> tuple[object, ...]:
    """What a data set's version depends on; who tagged it shows in the tags."""
    return caption.text, caption.words, caption.tags, caption.start, caption.end


def _name_number(name: str) -> int:
    """64 bits that stand for a name: a million names fit 8 MB, and two are alike once in 30 million sets."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def _check_names(jobs: ClipJobs, record: _DatasetRecord) -> None:
    """Raise when two clips have the same name; the jobs are gone through again only when two do."""
    repeated = record.repeated_names()
    for job in jobs if repeated else ():
        if _name_number(job.name) in repeated:
            raise LampError(f"two clips of {record.source.name!r} have the name {job.name!r}; rename one")
