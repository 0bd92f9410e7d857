"""A folder of BVH files with a caption file a clip and split files: any rig that a joint map describes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.sources.base import (
    ClipJob,
    FileJob,
    Source,
    SourceKind,
    existing_folder,
    file_sha256,
    files_below,
    read_splits,
)
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.bvh import BvhMotion, read_bvh
from lamp_core.skeleton.mapping import JointMap, detect_map, load_map, resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

FILES_TRIED_FOR_A_MAP = 20


class BvhFolder(SourceKind):
    """Folders of BVH files, caption files and split files."""

    def complete(self, source: Source) -> Source:
        """Check the three folders, settle the joint map and the reference clip.

        Raises:
            LampError: a missing folder, no BVH file, no split file, an unknown map, two files of one name.
        """
        motions = existing_folder(source.motions, "BVH files")
        existing_folder(source.captions, "captions")
        splits = existing_folder(source.splits, "splits")
        files = motion_files(motions)
        if not files:
            raise LampError(f"no .bvh file in {motions}")
        if not (splits / "train.txt").is_file():
            raise LampError(
                f"no train.txt in {splits}; one of {', '.join(f'{s}.txt' for s in SPLITS)} names every clip"
            )
        joint_map = _settle_map(source.map, files)
        reference = source.reference_clip or joint_map.reference_clip
        if source.reference_clip and reference not in files:
            raise LampError(f"the reference clip {reference!r} is not in {motions}")
        settled = {
            "map": source.map or joint_map.name,
            "skeleton": _settle_skeleton(source.skeleton, joint_map),
            "reference_clip": reference if reference in files else None,
        }
        return source.model_copy(update=settled)

    def clip_jobs(self, source: Source, skeleton: Skeleton) -> Sequence[ClipJob]:
        """A job a BVH file and a name in the splits."""
        motions = existing_folder(source.motions, "BVH files")
        captions = existing_folder(source.captions, "captions")
        split_of = read_splits(existing_folder(source.splits, "splits"))
        files = motion_files(motions)
        if source.map is None:
            raise LampError(f"data set {source.name!r} has no joint map; register it again")
        load_map(source.map).source_joints(skeleton.name)  # a map without this skeleton fails once, here
        return [
            BvhJob(
                name=name,
                source=(path := files.get(name, motions / f"{name}.bvh")).relative_to(motions).as_posix(),
                captions=captions / f"{name}.txt",
                split=split_of.get(name),
                skeleton=skeleton.name,
                path=path,
                map=source.map,
            )
            for name in sorted(files.keys() | split_of.keys())
        ]

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """All files below the three folders, and the joint map when it is a file."""
        yield from files_below("motions", existing_folder(source.motions, "BVH files"))
        yield from files_below("captions", existing_folder(source.captions, "captions"))
        yield from files_below("splits", existing_folder(source.splits, "splits"))
        if source.map is not None and Path(source.map).is_file():
            yield "map", Path(source.map)


def motion_files(folder: Path) -> dict[str, Path]:
    """The BVH files below the folder by clip name; LampError when two have the same name."""
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".bvh" and files.setdefault(path.stem, path) != path:
            raise LampError(
                f"two BVH files have the name {path.stem!r}: {files[path.stem]} and {path}; rename one"
            )
    return files


def _settle_map(name: str | None, files: dict[str, Path]) -> JointMap:
    if name is not None:
        return load_map(name)
    fault = ""
    for path in islice(files.values(), FILES_TRIED_FOR_A_MAP):
        try:
            return detect_map(read_bvh(path).joint_names)
        except RejectedClip as rejected:
            fault = f"{path.name}: {rejected}"
    raise LampError(f"none of the first BVH files can be read, so the joint map cannot be detected ({fault})")


def _settle_skeleton(name: str | None, joint_map: JointMap) -> str | None:
    """The skeleton that was asked for, or the only one of the map; None when it has several."""
    if name is not None:
        joint_map.source_joints(name)
        return name
    return next(iter(joint_map.skeletons)) if len(joint_map.skeletons) == 1 else None


@dataclass(frozen=True)
class BvhJob(FileJob):
    """One BVH file and the joint map that it is read with."""

    path: Path
    map: str

    def load(self) -> Clip:
        """Read, map the joints onto the skeleton and resample to its rate."""
        split = self.read_split()
        captions, skipped = self.read_captions()
        sha256 = file_sha256(self.path)
        skeleton = load_skeleton(self.skeleton)
        return Clip(
            name=self.name,
            joints_TJ3=self._joints(read_bvh(self.path), skeleton),
            frames_per_second=skeleton.frames_per_second,
            captions=captions,
            split=split,
            source=self.source,
            source_sha256=sha256,
            skipped_captions=skipped,
        )

    def _joints(self, motion: BvhMotion, skeleton: Skeleton) -> np.ndarray:
        joint_map = _cached_map(self.map)
        joints_TJ3 = joint_map.apply(motion.joint_positions(), motion.joint_names, skeleton)
        return resample(joints_TJ3, motion.frames_per_second, skeleton.frames_per_second).astype(np.float32)


_cached_map = lru_cache(maxsize=8)(load_map)
