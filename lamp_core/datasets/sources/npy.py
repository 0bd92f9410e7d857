"""A folder of joints in ``.npy`` files, (T, J, 3) of a known skeleton, in any unit, rate and up axis."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.clips import Split
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.sources.base import (
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
from lamp_core.datasets.sources.splits import clip_names, split_by_name, split_files
from lamp_core.errors import LampError
from lamp_core.io.arrays import read_npy
from lamp_core.io.folders import OnPassedOver, files_by_name, ignore
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

WHAT = "joints (.npy)"
ENDING = ".npy"


class NpyFolder(SourceKind):
    """A folder of ``.npy`` files, with captions and splits or without."""

    def complete(self, source: Source) -> Source:
        """Check the folders and, of the first files, the size and the posture of the bodies.

        Raises:
            LampError: a missing folder, no file, no skeleton, joints of another count, unit or up axis.
        """
        folder = existing_folder(source.motions, WHAT)
        if source.captions is not None:
            existing_captions(source.captions)
        split_files(source.splits)
        if source.skeleton is None:
            raise LampError("joints do not say whose they are: name the skeleton with --skeleton")
        names = files_by_name(folder, ENDING)
        if not names:
            raise LampError(f"no .npy file in {folder}")
        if source.reference_clip is not None and source.reference_clip not in names:
            raise LampError(f"the reference clip {source.reference_clip!r} is not in {folder}")
        if source.force:
            return source
        skeleton = load_skeleton(source.skeleton)
        jobs = (_job(source, skeleton, folder, name, path) for name, path in names.items())
        remarks = check_first_bodies(jobs, skeleton, Reading.of(source.form, skeleton))
        return source.model_copy(update={"remarks": remarks})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a file and a name in the splits."""
        folder = existing_folder(source.motions, WHAT)
        files = files_by_name(folder, ENDING, on_passed_over=on_passed_over)
        split_of = split_files(source.splits, files, on_passed_over)

        def job_of(name: str) -> NpyJob:
            split = split_by_name(name) if split_of is None else split_of.get(name)
            return _job(source, skeleton, folder, name, files.get(name, f"{name}{ENDING}"), split)

        return NamedJobs(clip_names(files, split_of, on_passed_over), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """All files below the folders."""
        yield from role_files("motions", existing_folder(source.motions, WHAT))
        for role, place in (("captions", source.captions), ("splits", source.splits)):
            if place is not None:
                yield from role_files(role, place)


@dataclass(frozen=True)
class NpyJob(FileJob):
    """One ``.npy`` file of joints.

    Args:
        form: how the joints stand in it.
    """

    form: MotionForm

    def read_motion(self) -> Motion:
        """Read the joints and bring them to the skeleton's unit, axes and rate."""
        path = self.motion_path()
        sha256 = combined_sha256(file_sha256(path), self.form.identity)
        return Motion(self.form.joints(read_npy(path), path, load_skeleton(self.skeleton)), sha256)


def _job(
    source: Source, skeleton: Skeleton, folder: Path, name: str, path: str, split: Split | None = None
) -> NpyJob:
    return NpyJob(name, path, folder, source.captions, split, skeleton.name, source.form)
