"""What every kind of source shares: its description, the job that loads one clip, split files."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lamp_core.datasets.clips import SPLITS, Clip, Split
from lamp_core.datasets.sources.texts import ClipTexts, read_clip_texts
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import Unit, UpAxis

NAME_PATTERN = r"^[a-z0-9-]+$"
FASTEST = 1000.0  # frames a second; a faster file states its rate in another unit
VALIDATION_PERCENT, TEST_PERCENT = 5, 15  # as HumanML3D, where a source has no splits


class Source(BaseModel):
    """A registered data set: ``data/sources/NAME.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="lower-case letters, digits and hyphens")
    kind: Literal["amass", "bvh", "humanml3d", "kit", "manifest", "motionx", "npy", "procedural"] = Field(
        description="how its clips are read"
    )
    motions: Path | None = Field(None, description="folder of the motion files, or of the published layout")
    captions: Path | None = Field(None, description="folder of NAME.txt, a caption file a clip")
    splits: Path | None = Field(None, description="folder of train.txt, val.txt and test.txt")
    map: str | None = Field(None, description="joint map of BVH files: a built-in name or a file")
    skeleton: str | None = Field(None, description="the only skeleton this source can give; null: any")
    reference_clip: str | None = Field(None, description="clip whose first frame is the reference pose")
    unit: Unit | None = Field(None, description="unit of the joints; null: the skeleton's, or the map's")
    up: UpAxis | None = Field(None, description="axis that points up; null: y")
    frames_per_second: float | None = Field(
        None, gt=0, le=FASTEST, description="rate of joints in .npy files; null: the skeleton's"
    )
    body_model: Path | None = Field(None, description="body model of SMPL parameters: a file or a folder")
    index: Path | None = Field(None, description="amass: the published index that cuts clips from it")
    manifest: Path | None = Field(None, description="manifest: the table of clips, CSV or Parquet")
    clips: int | None = Field(None, ge=1, description="procedural: number of clips, set by the ingest stage")
    seed: int | None = Field(None, description="procedural: set by the ingest stage")
    fingerprint: str = Field("", description="SHA-256 over name, size and time of every file of the source")


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
    """

    joints_TJ3: np.ndarray
    sha256: str
    features_TD: np.ndarray | None = None


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
        """The motion's file; RejectedClip ``outside`` when it would not be within the source's folder."""
        return inside(self.folder, self.source)

    def read_split(self) -> Split:
        """The clip's split, or RejectedClip ``no-split``."""
        if self.split is None:
            raise RejectedClip("no-split", f"{self.name} stands in none of {', '.join(SPLITS)}.txt")
        return self.split

    def read_texts(self) -> ClipTexts:
        """Captions and skipped lines; none without a folder of them. RejectedClip as `read_clip_texts`."""
        if self.captions is None:
            return ClipTexts()
        return read_clip_texts(inside(self.captions, f"{self.name}.txt"))

    def count_captions(self) -> int:
        """How many captions the clip has; RejectedClip as `read_texts`."""
        return len(self.read_texts().captions)

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

    @abstractmethod
    def complete(self, source: Source) -> Source:
        """Check the folders and settle what was left open (map, skeleton, reference clip); LampError."""

    @abstractmethod
    def clip_jobs(self, source: Source, skeleton: Skeleton) -> ClipJobs:
        """A job a clip, also for a clip that a split names and no file holds.

        Sorted by name, or in the order of the source's own table: the data set's version depends on it.
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


def files_below(role: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below the folder, sorted, as role/path."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"{role}/{path.relative_to(folder).as_posix()}", path


def inside(folder: Path, relative: str) -> Path:
    """A path below the folder.

    The names of a list or a table are strings that somebody wrote; none of them may lead out of the folder. A
    link within the folder is the user's own and may.

    Raises:
        RejectedClip: ``outside``, an absolute path or one with ``..``.
    """
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or "\0" in relative:
        raise RejectedClip("outside", f"{relative!r} leads out of {folder}")
    return folder / path


def read_splits(folder: Path) -> dict[str, Split]:
    """Split by clip name, from train.txt, val.txt and test.txt; a missing file names no clip.

    Raises:
        LampError: when a name stands in two splits.
    """
    split_of: dict[str, Split] = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        names = path.read_text(encoding="utf-8-sig").split() if path.is_file() else []
        for name in names:
            if split_of.setdefault(name, split) != split:
                raise LampError(
                    f"clip {name!r} stands in both {split_of[name]} and {split} of {folder}; remove one"
                )
    return split_of


def split_files(folder: Path | None) -> dict[str, Split] | None:
    """Split by clip name of a folder that was given; None without a folder.

    Raises:
        LampError: the folder does not exist, has no train.txt, or names a clip twice.
    """
    if folder is None:
        return None
    splits = existing_folder(folder, "splits")
    if not (splits / "train.txt").is_file():
        raise LampError(
            f"no train.txt in {splits}; one of {', '.join(f'{s}.txt' for s in SPLITS)} names every clip"
        )
    return read_splits(splits)


def split_by_name(name: str) -> Split:
    """The split of a clip of a source without split files: 80 % train, 5 % val, 15 % test, by its name alone.

    More clips change no clip's split.
    """
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 100
    if place < TEST_PERCENT:
        return "test"
    return "val" if place < TEST_PERCENT + VALIDATION_PERCENT else "train"


def existing_folder(folder: Path | None, what: str) -> Path:
    """The folder, or a LampError that names it and what should be in it."""
    if folder is None:
        raise LampError(f"the folder of the {what} is not given")
    if not folder.is_dir():
        raise LampError(f"the folder of the {what} does not exist: {folder}")
    return folder


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; RejectedClip ``motion-missing`` or ``unreadable``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise RejectedClip("motion-missing", f"a split names {path.stem}, but there is no {path}") from error
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
