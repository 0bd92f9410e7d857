"""A folder of BVH files with a caption file a clip and split files: any rig that a joint map describes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from lamp_core.datasets.sources.base import (
    ClipJobs,
    FileJob,
    Motion,
    NamedJobs,
    Source,
    SourceKind,
    combined_sha256,
    existing_folder,
    file_sha256,
    files_below,
    read_splits,
    split_files,
)
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import JointMap, detect_map, load_map, resample
from lamp_core.skeleton.posture import (
    body_height,
    fitting_units,
    is_human_size,
    likely_up_axis,
    root_to_head,
)
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import Unit, UpAxis, turn_back

FILES_TRIED_FOR_A_MAP = 20
FILES_LOOKED_AT = 5


class BvhFolder(SourceKind):
    """Folders of BVH files, caption files and split files."""

    def complete(self, source: Source) -> Source:
        """Check the three folders, settle the joint map and the reference clip, look at the first bodies.

        Raises:
            LampError: a missing folder, no BVH file, no split file, an unknown map, two files of one name,
                or bodies of no human size or that lie, as a wrong unit or up axis makes them.
        """
        motions = existing_folder(source.motions, "BVH files")
        existing_folder(source.captions, "captions")
        existing_folder(source.splits, "splits")
        files = motion_files(motions)
        if not files:
            raise LampError(f"no .bvh file in {motions}")
        split_files(source.splits)
        joint_map = _settle_map(source.map, files)
        reference = source.reference_clip or joint_map.reference_clip
        if source.reference_clip and reference not in files:
            raise LampError(f"the reference clip {reference!r} is not in {motions}")
        _check_bodies(files, joint_map.measured(source.unit, source.up), source.skeleton)
        settled = {
            "map": source.map or joint_map.name,
            "skeleton": _settle_skeleton(source.skeleton, joint_map),
            "reference_clip": reference if reference in files else None,
        }
        return source.model_copy(update=settled)

    def clip_jobs(self, source: Source, skeleton: Skeleton) -> ClipJobs:
        """A job a BVH file and a name in the splits."""
        motions = existing_folder(source.motions, "BVH files")
        captions = existing_folder(source.captions, "captions")
        split_of = read_splits(existing_folder(source.splits, "splits"))
        files = motion_files(motions)
        if source.map is None:
            raise LampError(f"data set {source.name!r} has no joint map; register it again")
        load_map(source.map).source_joints(skeleton.name)  # a map without this skeleton fails once, here
        joint_map = source.map

        def job_of(name: str) -> BvhJob:
            return BvhJob(
                name=name,
                source=files[name].relative_to(motions).as_posix() if name in files else f"{name}.bvh",
                folder=motions,
                captions=captions,
                split=split_of.get(name),
                skeleton=skeleton.name,
                map=joint_map,
                unit=source.unit,
                up=source.up,
            )

        return NamedJobs(sorted(files.keys() | split_of.keys()), job_of)

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


def _check_bodies(files: dict[str, Path], joint_map: JointMap, skeleton_name: str | None) -> None:
    """LampError when the first clips show that the unit of length or the up axis is another one."""
    skeleton = load_skeleton(skeleton_name or next(iter(joint_map.skeletons)))
    heights, directions = [], []
    for path in islice(files.values(), FILES_LOOKED_AT):
        try:
            motion = read_bvh(path)
            joints_TJ3 = joint_map.apply(motion.joint_positions(), motion.joint_names, skeleton)
        except RejectedClip:
            continue  # counted when the clips are ingested
        heights.append(body_height(joints_TJ3, skeleton))
        directions.append(root_to_head(joints_TJ3, skeleton))
    if not heights:
        return
    height = float(np.median(heights))
    if not is_human_size(height):
        units = " or ".join(f"--unit {name}" for name in fitting_units(height, joint_map.metres_per_unit))
        remedy = units or "a joint map with another metres_per_unit"
        raise LampError(f"with map {joint_map.name!r} the people are {height:.3g} m tall; give {remedy}")
    # The axis that would have to be up, named as the file names it: the turn is undone.
    axis = likely_up_axis([turn_back(direction, joint_map.up) for direction in directions], joint_map.up)
    if axis != joint_map.up:
        raise LampError(f"with up axis {joint_map.up} the people lie on the floor; give --up {axis}")


@dataclass(frozen=True)
class BvhJob(FileJob):
    """One BVH file and the joint map that it is read with; unit and up axis are the map's unless given."""

    map: str
    unit: Unit | None = None
    up: UpAxis | None = None

    def read_motion(self) -> Motion:
        """Read, map the joints onto the skeleton and resample to its rate."""
        path = self.motion_path()
        sha256 = file_sha256(path)
        if self.unit is not None or self.up is not None:
            sha256 = combined_sha256(sha256, self.unit, self.up)
        joint_map = cached_map(self.map).measured(self.unit, self.up)
        return Motion(bvh_joints(path, joint_map, load_skeleton(self.skeleton)), sha256)


def bvh_joints(path: Path, joint_map: JointMap, skeleton: Skeleton) -> np.ndarray:
    """Joints (T, J, 3) of a BVH file at the skeleton's rate; RejectedClip as `read_bvh`, `JointMap.apply`."""
    motion = read_bvh(path)
    mapped_TJ3 = joint_map.apply(motion.joint_positions(), motion.joint_names, skeleton)
    return resample(mapped_TJ3, motion.frames_per_second, skeleton.frames_per_second).astype(np.float32)


cached_map = lru_cache(maxsize=8)(load_map)
