"""What every kind of source shares: its description, the job that loads one clip, split files."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lamp_core.datasets.captions import Caption, read_caption_file
from lamp_core.datasets.clips import SPLITS, Clip, Split
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.skeleton import Skeleton

NAME_PATTERN = r"^[a-z0-9-]+$"


class Source(BaseModel):
    """A registered data set: ``data/sources/NAME.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="lower-case letters, digits and hyphens")
    kind: Literal["bvh", "humanml3d", "procedural"] = Field(description="how its clips are read")
    motions: Path | None = Field(None, description="folder of the BVH files, or of the published layout")
    captions: Path | None = Field(None, description="folder of NAME.txt, a caption file a clip")
    splits: Path | None = Field(None, description="folder of train.txt, val.txt and test.txt")
    map: str | None = Field(None, description="joint map of the BVH files: a built-in name or a file")
    skeleton: str | None = Field(None, description="the only skeleton this source can give; null: any")
    reference_clip: str | None = Field(None, description="clip whose first frame is the reference pose")
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


@dataclass(frozen=True)
class FileJob(ClipJob):
    """A clip that stands in files.

    Args:
        captions: its caption file.
        split: the split that names it; None when none does.
        skeleton: name of the skeleton.
    """

    captions: Path
    split: Split | None
    skeleton: str

    def read_split(self) -> Split:
        """The clip's split, or RejectedClip ``no-split``."""
        if self.split is None:
            raise RejectedClip("no-split", f"{self.name} stands in none of {', '.join(SPLITS)}.txt")
        return self.split

    def read_captions(self) -> tuple[list[Caption], int]:
        """Captions and skipped lines; RejectedClip as `read_caption_file`."""
        return read_caption_file(self.captions)


class SourceKind(ABC):
    """How the data sets of one kind are checked and read."""

    @abstractmethod
    def complete(self, source: Source) -> Source:
        """Check the folders and settle what was left open (map, skeleton, reference clip); LampError."""

    @abstractmethod
    def clip_jobs(self, source: Source, skeleton: Skeleton) -> Sequence[ClipJob]:
        """A job a clip, sorted by name, also for a clip that a split names and no file holds."""

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
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise RejectedClip("motion-missing", f"a split names {path.stem}, but there is no {path}") from error
    except OSError as error:
        raise RejectedClip("unreadable", f"{path}: {error}") from error
