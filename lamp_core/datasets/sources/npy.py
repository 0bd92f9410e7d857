"""A folder of joints in ``.npy`` files, (T, J, 3) of a known skeleton, in any unit, rate and up axis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    split_by_name,
    split_files,
)
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.skeleton.mapping import resample
from lamp_core.skeleton.posture import body_height, fitting_units, is_human_size, likely_up_axis, root_to_head
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import METRES, Unit, UpAxis, turn_back, turn_to_y_up

WHAT = "joints (.npy)"
FILES_LOOKED_AT = 20


@dataclass(frozen=True)
class JointForm:
    """How joints stand in a file; None is the skeleton's own unit and rate, and Y up.

    Args:
        unit: of lengths.
        up: axis that points up.
        frames_per_second: rate.
    """

    unit: Unit | None = None
    up: UpAxis | None = None
    frames_per_second: float | None = None

    @staticmethod
    def of(source: Source) -> "JointForm":
        """The form that a source states."""
        return JointForm(source.unit, source.up, source.frames_per_second)

    def joints(self, array: np.ndarray, path: Path, skeleton: Skeleton) -> np.ndarray:
        """Joints (T, J, 3) in the skeleton's unit, Y up, at its rate.

        Raises:
            RejectedClip: ``joint-count`` or ``not-finite``.
        """
        if array.ndim != 3 or array.shape[1:] != (skeleton.joint_count, 3):
            wanted = f"(T, {skeleton.joint_count}, 3)"
            raise RejectedClip("joint-count", f"{path} has shape {array.shape}, {skeleton.name} has {wanted}")
        if not np.isfinite(array).all():
            faults = int((~np.isfinite(array)).sum())
            raise RejectedClip("not-finite", f"{path}: {faults} numbers are not finite")
        joints_TJ3 = np.asarray(array, dtype=np.float64)
        if self.unit is not None:
            joints_TJ3 = joints_TJ3 * (METRES[self.unit] / skeleton.metres_per_unit)
        if self.up is not None:
            joints_TJ3 = turn_to_y_up(joints_TJ3, self.up)
        if self.frames_per_second is not None:
            joints_TJ3 = resample(joints_TJ3, self.frames_per_second, skeleton.frames_per_second)
        return joints_TJ3.astype(np.float32)


class NpyFolder(SourceKind):
    """A folder of ``.npy`` files, with captions and splits or without."""

    def complete(self, source: Source) -> Source:
        """Check the folders and, of the first files, the size and the posture of the bodies.

        Raises:
            LampError: a missing folder, no file, no skeleton, joints of another count, unit or up axis.
        """
        folder = existing_folder(source.motions, WHAT)
        if source.captions is not None:
            existing_folder(source.captions, "captions")
        split_files(source.splits)
        if source.skeleton is None:
            raise LampError("joints do not say whose they are: name the skeleton with --skeleton")
        names = motion_names(folder)
        if not names:
            raise LampError(f"no .npy file in {folder}")
        if source.reference_clip is not None and source.reference_clip not in names:
            raise LampError(f"the reference clip {source.reference_clip!r} is not in {folder}")
        paths = (folder / f"{name}.npy" for name in names)
        check_bodies(paths, load_skeleton(source.skeleton), JointForm.of(source))
        return source

    def clip_jobs(self, source: Source, skeleton: Skeleton) -> ClipJobs:
        """A job a file and a name in the splits."""
        folder = existing_folder(source.motions, WHAT)
        split_of = split_files(source.splits)
        form = JointForm.of(source)

        def job_of(name: str) -> NpyJob:
            return NpyJob(
                name=name,
                source=f"{name}.npy",
                folder=folder,
                captions=source.captions,
                split=split_by_name(name) if split_of is None else split_of.get(name),
                skeleton=skeleton.name,
                form=form,
            )

        return NamedJobs(sorted({*motion_names(folder), *(split_of or {})}), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """All files below the folders."""
        yield from files_below("motions", existing_folder(source.motions, WHAT))
        for role, folder in (("captions", source.captions), ("splits", source.splits)):
            if folder is not None:
                yield from files_below(role, existing_folder(folder, role))


def motion_names(folder: Path) -> list[str]:
    """Paths of the ``.npy`` files below the folder, without their ending, sorted: the names of the clips."""
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.npy"))


def check_bodies(paths: Iterator[Path], skeleton: Skeleton, form: JointForm) -> None:
    """Look at the first readable files: are these people, and do they stand?

    Raises:
        LampError: none of the files can be read, the bodies have no human size, or lie down.
    """
    clips: list[np.ndarray] = []
    fault = ""
    for path in islice(paths, FILES_LOOKED_AT):
        try:
            clips.append(form.joints(read_npy(path), path, skeleton))
        except RejectedClip as rejected:
            fault = str(rejected)
    if not clips:
        raise LampError(f"none of the first files holds joints of {skeleton.name} ({fault})")
    _check_size(clips, skeleton, form)
    stated = form.up or "y"
    # The axis that would have to be up, named as the file names it: the turn is undone.
    directions = [turn_back(root_to_head(joints_TJ3, skeleton), stated) for joints_TJ3 in clips]
    axis = likely_up_axis(directions, stated)
    if axis != stated:
        raise LampError(f"with up axis {stated} the people in the first files lie down; give --up {axis}")


def _check_size(clips: Sequence[np.ndarray], skeleton: Skeleton, form: JointForm) -> None:
    height = float(np.median([body_height(joints_TJ3, skeleton) for joints_TJ3 in clips]))
    if is_human_size(height):
        return
    read_as = METRES[form.unit] if form.unit is not None else skeleton.metres_per_unit
    units = " or ".join(f"--unit {name}" for name in fitting_units(height, read_as))
    remedy = f"give {units}" if units else "no unit known here fits them"
    raise LampError(f"the people in the first files are {height:.3g} m tall; {remedy}")


@dataclass(frozen=True)
class NpyJob(FileJob):
    """One ``.npy`` file of joints.

    Args:
        form: how the joints stand in it.
    """

    form: JointForm

    def read_motion(self) -> Motion:
        """Read the joints and bring them to the skeleton's unit, axes and rate."""
        path = self.motion_path()
        sha256 = combined_sha256(file_sha256(path), self.form)
        return Motion(self.form.joints(read_npy(path), path, load_skeleton(self.skeleton)), sha256)
