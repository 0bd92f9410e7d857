"""What every kind of source shares: its description, the job that loads one clip, the look at first files."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lamp_core.datasets.body_checks import OPTIONS, Reading, check_bodies, size_remark, speed_remark
from lamp_core.datasets.clips import SPLITS, Clip, Split
from lamp_core.datasets.labels import check_label_pattern
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.sources.caption_table import ENDINGS, is_caption_table
from lamp_core.datasets.sources.texts import ClipTexts, read_clip_texts
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.folders import OnPassedOver, files_below, find_file, ignore, inside
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import Unit, UpAxis

NAME_PATTERN = r"^[a-z0-9-]+$"
FASTEST = 1000.0  # frames a second; a faster file states its rate in another unit
FILES_TRIED, FILES_LOOKED_AT = 20, 5


class Source(BaseModel):
    """A registered data set: ``data/sources/NAME.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="lower-case letters, digits and hyphens")
    kind: Literal["amass", "bvh", "humanml3d", "kit", "manifest", "motionx", "npy", "procedural"] = Field(
        description="how its clips are read"
    )
    motions: Path | None = Field(None, description="folder of the motion files, or of the published layout")
    captions: Path | None = Field(
        None,
        description="folder of NAME.txt, a caption file a clip, or one table of all (.tsv, .csv, .jsonl)",
    )
    splits: Path | None = Field(None, description="folder of train.txt, val.txt and test.txt")
    map: str | None = Field(None, description="joint map of BVH files: a built-in name or a file")
    skeleton: str | None = Field(None, description="the only skeleton this source can give; null: any")
    reference_clip: str | None = Field(None, description="clip whose first frame is the reference pose")
    unit: Unit | None = Field(None, description="unit of the joints; null: the skeleton's, or the map's")
    up: UpAxis | None = Field(None, description="axis that points up; null: y")
    frames_per_second: float | None = Field(
        None, gt=0, le=FASTEST, description="rate of the joints; null: the skeleton's, or what BVH files say"
    )
    left_handed: bool = Field(False, description="whether the axes are left-handed")
    force: bool = Field(False, description="whether clips are taken that look like no people")
    body_model: Path | None = Field(None, description="body model of SMPL parameters: a file or a folder")
    index: Path | None = Field(None, description="amass: the published index that cuts clips from it")
    manifest: Path | None = Field(None, description="manifest: the table of clips, CSV or Parquet")
    clips: int | None = Field(None, ge=1, description="procedural: number of clips, set by the ingest stage")
    seed: int | None = Field(None, description="procedural: set by the ingest stage")
    labels: str | None = Field(
        None,
        description="regular expression of a clip's name with a named group a label, the coarsest first",
    )
    remarks: tuple[str, ...] = Field((), description="what was passed over or looked odd at import")
    fingerprint: str = Field("", description="SHA-256 over name, size and time of every file of the source")

    @field_validator("labels")
    @classmethod
    def _names_labels(cls, pattern: str | None) -> str | None:
        return None if pattern is None else check_label_pattern(pattern)

    @property
    def form(self) -> MotionForm:
        """How motions stand in its files."""
        return MotionForm(self.map, self.unit, self.up, self.frames_per_second, self.left_handed)


@dataclass(frozen=True)
class ClipJob(ABC):
    """Everything a worker process needs to load one clip; picklable.

    Args:
        name: of the clip.
        source: where the clip comes from, relative to the source's folder.
    """

    name: str
    source: str

    @abstractmethod
    def load(self) -> Clip:
        """The clip at the skeleton's rate and unit.

        Raises:
            RejectedClip: with the reason why it cannot be used.
        """


@dataclass(frozen=True, eq=False)
class Motion:
    """What a file gave.

    Args:
        joints_TJ3: float32, at the skeleton's rate and in its unit, Y up.
        sha256: of everything that it was made from.
        features_TD: ready features, when the file holds them.
        remarks: what of the file was taken otherwise than it says, as (reason, sentence).
    """

    joints_TJ3: np.ndarray
    sha256: str
    features_TD: np.ndarray | None = None
    remarks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FileJob(ClipJob):
    """A clip that stands in files.

    Args:
        folder: folder of the motions.
        captions: folder of the captions; None when the source has none.
        split: the split that names it; None when none does.
        skeleton: name of the skeleton.
    """

    folder: Path
    captions: Path | None
    split: Split | None
    skeleton: str

    def motion_path(self) -> Path:
        """The motion's file, its ending in any case; RejectedClip ``outside`` when it would not be within the
        source's folder."""
        expected = inside(self.folder, self.source)
        return find_file(self.folder, self.source) or expected

    def read_split(self) -> Split:
        """The clip's split, or RejectedClip ``no-split``."""
        if self.split is None:
            raise RejectedClip("no-split", f"{self.name} stands in none of {', '.join(SPLITS)}.txt")
        return self.split

    def read_texts(self) -> ClipTexts:
        """Captions and skipped lines; none without a folder of them. RejectedClip as `read_clip_texts`."""
        if self.captions is None:
            return ClipTexts()
        return read_clip_texts(self.captions, self.name)

    def read_labels(self) -> Mapping[str, str]:
        """What the source says the captions were made from; most say nothing."""
        return {}

    def count_captions(self) -> tuple[int, int]:
        """How many captions the clip has, and how many lines are none; RejectedClip as `read_texts`."""
        texts = self.read_texts()
        return len(texts.captions), texts.skipped

    @abstractmethod
    def read_motion(self) -> Motion:
        """The motion at the skeleton's rate and unit; RejectedClip with the reason why it cannot be used."""

    def load(self) -> Clip:
        """The motion with its split and its captions, which are looked at first: they cost less to read."""
        split, texts = self.read_split(), self.read_texts()
        motion = self.read_motion()
        return Clip(
            name=self.name,
            joints_TJ3=motion.joints_TJ3,
            frames_per_second=load_skeleton(self.skeleton).frames_per_second,
            captions=texts.captions,
            split=split,
            source=self.source,
            source_sha256=motion.sha256,
            features_TD=motion.features_TD,
            skipped_captions=texts.skipped,
            part_captions=texts.of_parts,
            labels=self.read_labels(),
            remarks=motion.remarks,
        )


class ClipJobs(Protocol):
    """The jobs of a source: how many, and one after the other; large sources make them as they are asked."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ClipJob]: ...


@dataclass(frozen=True, eq=False)
class NamedJobs:
    """The jobs of a folder's clips: the names are held, each job is made when it is asked for.

    Args:
        names: of the clips, in their order.
        job_of: makes the job of a name.
    """

    names: Sequence[str]
    job_of: Callable[[str], ClipJob]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[ClipJob]:
        return map(self.job_of, self.names)


class SourceKind(ABC):
    """How the data sets of one kind are checked and read."""

    usual_skeleton = "smpl22"
    """What clips are counted with before a skeleton is chosen."""
    options = OPTIONS
    """Those of `lamp import` that say how motions of the kind stand in their files."""

    @abstractmethod
    def complete(self, source: Source) -> Source:
        """Check the folders and settle what was left open (map, skeleton, reference clip); LampError."""

    @abstractmethod
    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a clip, also for a clip that a split names and no file holds.

        Sorted by name, or in the order of the source's own table: the data set's version depends on it.
        `on_passed_over` is told which files are no data, and how names were read.
        """

    @abstractmethod
    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """Every file that the source consists of, by a name that does not depend on where folders stand."""

    def published_statistics(
        self, source: Source, skeleton: Skeleton
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean and deviation (D) that come with the source, or None."""
        return None

    def reference_pose(self, source: Source, skeleton: Skeleton) -> np.ndarray | None:
        """The reference pose (J, 3) that comes with the kind of source, or None to take it from a clip."""
        return None


def role_files(role: str, place: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder, sorted, as role/path; a place that is a file by its role."""
    if place.is_file():
        yield role, place
        return
    for relative, path in files_below(place):
        yield f"{role}/{relative}", path


def existing_folder(folder: Path | None, what: str) -> Path:
    """The folder, or a LampError that names it and what should be in it."""
    if folder is None:
        raise LampError(f"the folder of the {what} is not given")
    if not folder.is_dir():
        raise LampError(f"the folder of the {what} does not exist: {folder}")
    return folder


def existing_captions(place: Path | None) -> Path:
    """The folder of caption files, or the table of all captions; LampError for anything else."""
    if place is not None and is_caption_table(place):
        return place
    if place is not None and place.is_file():
        raise LampError(
            f"{place} is no table of captions: {', '.join(ENDINGS)} are, a name and a caption a row; else"
            " give a folder of NAME.txt"
        )
    return existing_folder(place, "captions")


def check_first_bodies(jobs: Iterable["FileJob"], skeleton: Skeleton, reading: Reading) -> tuple[str, ...]:
    """Look at the motions of the first jobs that can be read.

    Args:
        jobs: of a source.
        skeleton: whose joints they give.
        reading: how they are read.

    Returns:
        What is odd about them and stops nothing: files that cannot be used or miscount, and speeds.

    Raises:
        LampError: none can be read, or the bodies are none of people.
    """
    clips: list[np.ndarray] = []
    faults: list[str] = []
    odd: list[str] = []
    for job in islice(jobs, FILES_TRIED):
        try:
            motion = job.read_motion()
        except RejectedClip as rejected:
            faults.append(str(rejected))
            continue
        clips.append(motion.joints_TJ3)
        odd += [sentence for _, sentence in motion.remarks]
        if len(clips) == FILES_LOOKED_AT:
            break
    if not clips:
        why = faults[0] if faults else "there is none"
        raise LampError(f"none of the first files holds joints of {skeleton.name} ({why})")
    check_bodies(clips, skeleton, "the first files", reading)
    timed = [(joints_TJ3, skeleton.frames_per_second) for joints_TJ3 in clips]
    told = [_of_first("cannot be used", faults), _of_first("read otherwise than they say", odd)]
    told += [size_remark(clips, skeleton, reading), speed_remark(timed, skeleton, reading.options)]
    return tuple(filter(None, told))


def _of_first(what: str, found: Sequence[str]) -> str:
    """How many of the first files, with the first of them; empty for none."""
    return f"of the first files {len(found)} {what}: {found[0]}" if found else ""


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; RejectedClip ``motion-missing`` or ``unreadable``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise RejectedClip("motion-missing", f"there is no {path}") from error
    except OSError as error:
        raise RejectedClip("unreadable", f"{path}: {error}") from error


def combined_sha256(*parts: object) -> str:
    """SHA-256 of everything that a clip was made from beside its file: a cut, a body model, a mirror."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@lru_cache(maxsize=16)
def _sha256_once(path: Path, size: int, modified: int) -> str:
    return file_sha256(path)


def shared_file_sha256(path: Path) -> str:
    """`file_sha256` of a file that many clips are made with, read once a process while it stays the same."""
    status = path.stat()
    return _sha256_once(path, status.st_size, status.st_mtime_ns)
