"""The published folder layout of HumanML3D and KIT-ML (Guo et al. 2022).

``new_joint_vecs/NAME.npy`` (T, D) ready features, ``new_joints`` or ``joints/NAME.npy`` (T, J, 3),
``texts/NAME.txt``, ``train.txt val.txt test.txt``, ``Mean.npy`` and ``Std.npy`` (D). Ready features are
used as they are, and the joints recovered from them; where there are none, the joints are taken and the
features computed. ``joints`` of HumanML3D, as its first script writes them, hold 52 joints of SMPL+H, of
which the body's 22 count.

``M`` before a name is its mirror image. Where a split names one whose motion is not there, it is made from
the motion that is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.motion_form import MotionForm, require_unstated
from lamp_core.datasets.sources.base import (
    ClipJobs,
    FileJob,
    Motion,
    NamedJobs,
    Source,
    SourceKind,
    check_first_bodies,
    combined_sha256,
    existing_folder,
    file_sha256,
)
from lamp_core.datasets.sources.splits import clip_names, read_splits
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.io.folders import OnPassedOver, files_below, files_by_name, has_ending, ignore
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

VECTORS = "new_joint_vecs"
JOINTS = ("new_joints", "joints")
TEXTS = "texts"
WHAT = "published data set"
MIRRORED = "M"
FILES_TRIED_FOR_A_WIDTH = 20
RAW_JOINTS = {"smpl22": 52}
"""Joints that the first script of the published procedure writes; the skeleton's are the first of them."""


class PublishedFolder(SourceKind):
    """The published folder layout.

    Args:
        skeletons: those that the folder may hold.
    """

    def __init__(self, *skeletons: str) -> None:
        self.skeletons = skeletons

    def complete(self, source: Source) -> Source:
        """Check the layout and settle the skeleton by the width of the features or the number of joints.

        Raises:
            LampError: a missing folder, no motions in it, figures of no known skeleton.
        """
        folder = existing_folder(source.motions, WHAT)
        if not _motion_folders(folder):
            raise LampError(f"{folder} holds none of {VECTORS}, {', '.join(JOINTS)} with .npy files in it")
        name = source.skeleton or self._detect_skeleton(folder)
        settled = source.model_copy(update={"skeleton": name})
        if _motion_folders(folder)[0].name == VECTORS:
            require_unstated(source.form, str(folder / VECTORS))
        if source.force:
            return settled
        skeleton = load_skeleton(name)
        jobs = (job for job in self.clip_jobs(settled, skeleton) if isinstance(job, FileJob))
        remarks = check_first_bodies(jobs, skeleton, Reading.of(source.form, skeleton))
        return settled.model_copy(update={"remarks": remarks})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a motion file and a name in the splits."""
        folder = existing_folder(source.motions, WHAT)
        path_of: dict[str, str] = {}
        for motions in _motion_folders(folder):
            for name, path in files_by_name(motions, ".npy", on_passed_over=on_passed_over).items():
                path_of.setdefault(name, f"{motions.name}/{path}")
        split_of = read_splits(folder, _with_mirrors(path_of), on_passed_over)

        def job_of(name: str) -> PublishedJob:
            return PublishedJob(
                name=name,
                source=_motion_of(name, path_of),
                folder=folder,
                captions=folder / TEXTS,
                split=split_of.get(name),
                skeleton=skeleton.name,
                is_mirrored=name not in path_of and name.removeprefix(MIRRORED) in path_of,
                form=source.form,
            )

        return NamedJobs(clip_names(path_of, split_of, on_passed_over), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """Motions, texts, and what stands at the top of the folder: split files and statistics."""
        folder = existing_folder(source.motions, WHAT)
        for relative, path in files_below(folder):
            if PurePosixPath(relative).parts[0] in {VECTORS, *JOINTS, TEXTS} or (
                "/" not in relative and has_ending(relative, ".txt", ".npy")
            ):
                yield relative, path

    def published_statistics(
        self, source: Source, skeleton: Skeleton
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean.npy and Std.npy (D), or None without them.

        Raises:
            LampError: when one cannot be read or has not the skeleton's width.
        """
        paths = [existing_folder(source.motions, WHAT) / name for name in ("Mean.npy", "Std.npy")]
        if not all(path.is_file() for path in paths):
            return None
        mean_D, std_D = (_read_statistics(path, skeleton) for path in paths)
        return mean_D, std_D

    def _detect_skeleton(self, folder: Path) -> str:
        shapes = []
        motions = _motion_folders(folder)[0]
        for name in islice(files_by_name(motions, ".npy").values(), FILES_TRIED_FOR_A_WIDTH):
            path = motions / name
            try:
                shape = read_npy(path).shape
            except RejectedClip:
                continue
            for name in self.skeletons:
                if _fits(shape, load_skeleton(name)):
                    return name
            shapes.append(f"{path.name} {shape}")
        found = "; ".join(shapes[:3]) or "no readable file"
        raise LampError(
            f"the motions of {folder} fit none of the skeletons {', '.join(self.skeletons)}: {found}"
        )


def _read_statistics(path: Path, skeleton: Skeleton) -> np.ndarray:
    try:
        values_D = read_npy(path).astype(np.float32)
    except RejectedClip as fault:
        raise LampError(f"{path} cannot be read: {fault.detail}") from fault
    if values_D.shape != (skeleton.feature_count,) or not np.isfinite(values_D).all():
        raise LampError(f"{path} has shape {values_D.shape}, not {skeleton.feature_count} finite numbers")
    return values_D


def _motion_folders(folder: Path) -> list[Path]:
    """The folders that hold motions, ready features first."""
    candidates = [folder / name for name in (VECTORS, *JOINTS)]
    return [candidate for candidate in candidates if candidate.is_dir() and files_by_name(candidate, ".npy")]


def _with_mirrors(path_of: dict[str, str]) -> set[str]:
    """Names that a split may use: those of the files, and of their mirror images."""
    return {*path_of, *(f"{MIRRORED}{name}" for name in path_of)}


def _motion_of(name: str, path_of: dict[str, str]) -> str:
    """The motion's file below the folder, its mirror image's where it has none of its own."""
    return path_of.get(name) or path_of.get(name.removeprefix(MIRRORED)) or f"{VECTORS}/{name}.npy"


def _fits(shape: tuple[int, ...], skeleton: Skeleton) -> bool:
    joints = {skeleton.joint_count, RAW_JOINTS.get(skeleton.name)}
    return shape[1:] == (skeleton.feature_count,) or (
        len(shape) == 3 and shape[2] == 3 and shape[1] in joints
    )


@dataclass(frozen=True)
class PublishedJob(FileJob):
    """One ``.npy`` file of ready features (T, D) or of joints (T, J, 3).

    Args:
        is_mirrored: whether the clip is the mirror image of what the file holds.
        form: how joints stand in it.
    """

    is_mirrored: bool = False
    form: MotionForm = field(default_factory=MotionForm)

    def read_motion(self) -> Motion:
        """Read the motion, with ready features when the file holds them."""
        path = self.motion_path()
        sha256 = file_sha256(path)
        skeleton = load_skeleton(self.skeleton)
        array = read_npy(path).astype(np.float32)
        _check(path, array, skeleton)
        if array.ndim == 2:
            joints_TJ3, features_TD = recover_joints(array, skeleton), array
        else:
            joints_TJ3 = self.form.joints(array[:, : skeleton.joint_count], path, skeleton)
            features_TD = None
            sha256 = combined_sha256(sha256, self.form.identity) if self.form.is_stated else sha256
        if not self.is_mirrored:
            return Motion(joints_TJ3, sha256, features_TD)
        from lamp_core.features.mirror import mirror

        return Motion(mirror(joints_TJ3, skeleton), combined_sha256(sha256, "mirrored"))


def recover_joints(features_TD: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Joints (T, J, 3) of ready features."""
    # Imported here: who only looks a data set up does not wait for torch.
    import torch

    from lamp_core.features.decode import decode

    return np.asarray(decode(torch.from_numpy(features_TD), skeleton).numpy(), dtype=np.float32)


def _check(path: Path, array: np.ndarray, skeleton: Skeleton) -> None:
    if not _fits(array.shape, skeleton):
        expected = f"(T, {skeleton.feature_count}) or (T, {skeleton.joint_count}, 3)"
        raise RejectedClip("joint-count", f"{path} has shape {array.shape}, {skeleton.name} has {expected}")
    if not np.isfinite(array).all():
        raise RejectedClip("not-finite", f"{path}: {int((~np.isfinite(array)).sum())} numbers are not finite")
