"""A folder of BVH files with a caption file a clip and split files: any rig that a joint map describes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.clips import Split
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.sources.base import (
    FILES_TRIED,
    ClipJobs,
    FileJob,
    Motion,
    NamedJobs,
    Source,
    SourceKind,
    check_first_bodies,
    combined_sha256,
    existing_captions,
    existing_folder,
    file_sha256,
    role_files,
)
from lamp_core.datasets.sources.splits import clip_names, read_splits, split_files
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.folders import OnPassedOver, files_by_name, ignore
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import JointMap, detect_map, load_map
from lamp_core.skeleton.resampling import version_mark
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

WHAT = "BVH files"


class BvhFolder(SourceKind):
    """Folders of BVH files, caption files and split files."""

    def complete(self, source: Source) -> Source:
        """Check the three folders, settle the joint map and the reference clip, look at the first bodies.

        Raises:
            LampError: a missing folder, no BVH file, no split file, an unknown map, or one whose joints no
                file has, two files of one name, or bodies that are none of people.
        """
        motions = existing_folder(source.motions, WHAT)
        existing_captions(source.captions)
        existing_folder(source.splits, "splits")
        files = motion_files(motions)
        if not files:
            raise LampError(f"no .bvh file in {motions}")
        split_of = split_files(source.splits, files)
        joint_map = _settle_map(source.map, motions, files)
        reference = source.reference_clip or joint_map.reference_clip
        if source.reference_clip and reference not in clip_names(files, split_of):
            raise LampError(f"the reference clip {reference!r} is not in {motions}")
        skeleton = load_skeleton(
            _settle_skeleton(source.skeleton, joint_map) or next(iter(joint_map.skeletons))
        )
        settled = source.model_copy(
            update={
                "map": source.map or joint_map.name,
                "skeleton": _settle_skeleton(source.skeleton, joint_map),
                "reference_clip": reference if reference in clip_names(files, split_of) else None,
                "labels": source.labels or joint_map.labels,
            }
        )
        _check_joints(motions, files, joint_map, skeleton)
        if source.force:
            return settled
        jobs = (_job(settled, skeleton, motions, name, path) for name, path in files.items())
        remarks = check_first_bodies(jobs, skeleton, Reading.of(settled.form, skeleton, joint_map))
        return settled.model_copy(update={"remarks": remarks})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a BVH file and a name in the splits."""
        motions = existing_folder(source.motions, WHAT)
        existing_captions(source.captions)
        files = motion_files(motions, on_passed_over)
        split_of = read_splits(existing_folder(source.splits, "splits"), files, on_passed_over)
        if source.map is None:
            raise LampError(f"data set {source.name!r} has no joint map; register it again")
        load_map(source.map).source_joints(skeleton.name)  # a map without this skeleton fails once, here

        def job_of(name: str) -> BvhJob:
            return _job(source, skeleton, motions, name, files.get(name, f"{name}.bvh"), split_of.get(name))

        return NamedJobs(clip_names(files, split_of, on_passed_over), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """All files below the three folders, and the joint map when it is a file."""
        yield from role_files("motions", existing_folder(source.motions, WHAT))
        yield from role_files("captions", existing_captions(source.captions))
        yield from role_files("splits", existing_folder(source.splits, "splits"))
        if source.map is not None and Path(source.map).is_file():
            yield "map", Path(source.map)


def motion_files(folder: Path, on_passed_over: OnPassedOver = ignore) -> dict[str, str]:
    """The BVH files below the folder by clip name; LampError when two have the same name."""
    return files_by_name(folder, ".bvh", on_passed_over=on_passed_over, by_stem=True)


def _settle_map(name: str | None, folder: Path, files: dict[str, str]) -> JointMap:
    if name is not None:
        return load_map(name)
    fault = ""
    for path in islice(files.values(), FILES_TRIED):
        try:
            return detect_map(read_bvh(folder / path).all_names)
        except RejectedClip as rejected:
            fault = f"{path}: {rejected}"
    raise LampError(f"none of the first BVH files can be read, so the joint map cannot be detected ({fault})")


def _settle_skeleton(name: str | None, joint_map: JointMap) -> str | None:
    """The skeleton that was asked for, or the only one of the map; None when it has several."""
    if name is not None:
        joint_map.source_joints(name)
        return name
    return next(iter(joint_map.skeletons)) if len(joint_map.skeletons) == 1 else None


def _check_joints(folder: Path, files: dict[str, str], joint_map: JointMap, skeleton: Skeleton) -> None:
    """LampError when the map needs joints that none of the first readable files has."""
    needed, lacking = joint_map.source_joints(skeleton.name), set[str]()
    for path in islice(files.values(), FILES_TRIED):
        try:
            names = read_bvh(folder / path, 1.0).all_names
        except RejectedClip:
            continue  # counted when the clips are ingested
        lacking = needed - set(joint_map.own_names(names))
        if not lacking:
            return
    if lacking:
        raise LampError(
            f"map {joint_map.name!r} names joints that no file has: {', '.join(sorted(lacking))}; the files"
            f" have {', '.join(names)}"
        )


@dataclass(frozen=True)
class BvhJob(FileJob):
    """One BVH file and how it is read; what the form leaves open is the map's."""

    form: MotionForm

    def read_motion(self) -> Motion:
        """Read, map the joints onto the skeleton and resample to its rate."""
        path = self.motion_path()
        sha256 = file_sha256(path)
        if self.form.is_stated:
            sha256 = combined_sha256(sha256, self.form.unit, self.form.up, *self._later())
        motion = self.form.read_bvh(path)
        skeleton = load_skeleton(self.skeleton)
        if marks := version_mark(motion.frames_per_second, skeleton.frames_per_second):
            sha256 = combined_sha256(sha256, *marks)
        return Motion(self.form.bvh_joints(motion, skeleton), sha256, remarks=motion.remarks)

    def _later(self) -> tuple[object, ...]:
        """What makes another clip of the same file, where it is said."""
        rate, left = self.form.frames_per_second, self.form.left_handed
        return (rate, left) if rate is not None or left else ()


def _job(
    source: Source, skeleton: Skeleton, folder: Path, name: str, path: str, split: Split | None = None
) -> BvhJob:
    return BvhJob(name, path, folder, source.captions, split, skeleton.name, source.form)
