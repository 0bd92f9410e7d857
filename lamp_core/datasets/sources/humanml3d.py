"""The published folder layout of HumanML3D and KIT-ML (Guo et al. 2022).

``new_joint_vecs/NAME.npy`` (T, D) ready features, ``new_joints`` or ``joints/NAME.npy`` (T, J, 3),
``texts/NAME.txt``, ``train.txt val.txt test.txt``, ``Mean.npy`` and ``Std.npy`` (D). Ready features are
used as they are, and the joints recovered from them; where there are none, the joints are taken and the
features computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.datasets.clips import Clip
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
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton, skeleton_names

VECTORS = "new_joint_vecs"
JOINTS = ("new_joints", "joints")
TEXTS = "texts"
WHAT = "published data set"
FILES_TRIED_FOR_A_WIDTH = 20


class PublishedFolder(SourceKind):
    """The published folder layout."""

    def complete(self, source: Source) -> Source:
        """Check the layout and settle the skeleton by the width of the features or the number of joints.

        Raises:
            LampError: a missing folder, no motions in it, figures of no known skeleton.
        """
        folder = existing_folder(source.motions, WHAT)
        if not _motion_folders(folder):
            raise LampError(f"{folder} holds none of {VECTORS}, {', '.join(JOINTS)} with .npy files in it")
        return source.model_copy(update={"skeleton": source.skeleton or _detect_skeleton(folder)})

    def clip_jobs(self, source: Source, skeleton: Skeleton) -> Sequence[ClipJob]:
        """A job a motion file and a name in the splits."""
        folder = existing_folder(source.motions, WHAT)
        split_of = read_splits(folder)
        path_of: dict[str, Path] = {}
        for motions in _motion_folders(folder):
            for path in motions.glob("*.npy"):
                path_of.setdefault(path.stem, path)
        return [
            PublishedJob(
                name=name,
                source=(path := path_of.get(name, folder / VECTORS / f"{name}.npy"))
                .relative_to(folder)
                .as_posix(),
                captions=folder / TEXTS / f"{name}.txt",
                split=split_of.get(name),
                skeleton=skeleton.name,
                path=path,
            )
            for name in sorted(path_of.keys() | split_of.keys())
        ]

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """Motions, texts, and what stands at the top of the folder: split files and statistics."""
        folder = existing_folder(source.motions, WHAT)
        for path in sorted(folder.iterdir()):
            if path.name in {VECTORS, *JOINTS, TEXTS}:
                yield from files_below(path.name, path)
            elif path.suffix in {".txt", ".npy"}:
                yield path.name, path

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


def _read_statistics(path: Path, skeleton: Skeleton) -> np.ndarray:
    try:
        values_D = np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise LampError(f"{path} cannot be read: {error}") from error
    if values_D.shape != (skeleton.feature_count,) or not np.isfinite(values_D).all():
        raise LampError(f"{path} has shape {values_D.shape}, not {skeleton.feature_count} finite numbers")
    return values_D


def _motion_folders(folder: Path) -> list[Path]:
    """The folders that hold motions, ready features first."""
    candidates = [folder / name for name in (VECTORS, *JOINTS)]
    return [candidate for candidate in candidates if candidate.is_dir() and any(candidate.glob("*.npy"))]


def _detect_skeleton(folder: Path) -> str:
    shapes = []
    for path in sorted(_motion_folders(folder)[0].glob("*.npy"))[:FILES_TRIED_FOR_A_WIDTH]:
        try:
            shape = _load_array(path).shape
        except RejectedClip:
            continue
        for name in skeleton_names():
            skeleton = load_skeleton(name)
            if shape[1:] in {(skeleton.feature_count,), (skeleton.joint_count, 3)}:
                return name
        shapes.append(f"{path.name} {shape}")
    found = "; ".join(shapes[:3]) or "no readable file"
    raise LampError(
        f"the motions of {folder} fit none of the skeletons {', '.join(skeleton_names())}: {found}"
    )


def _load_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RejectedClip("empty" if _is_empty(path) else "unreadable", f"{path}: {error}") from error
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
        raise RejectedClip("unreadable", f"{path} holds no array of floating-point numbers")
    if array.size == 0:
        raise RejectedClip("empty", f"{path} holds an array of shape {array.shape}")
    return array


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0


@dataclass(frozen=True)
class PublishedJob(FileJob):
    """One ``.npy`` file of ready features (T, D) or of joints (T, J, 3)."""

    path: Path

    def load(self) -> Clip:
        """Read the motion, with ready features when the file holds them."""
        split = self.read_split()
        captions, skipped = self.read_captions()
        sha256 = file_sha256(self.path)
        skeleton = load_skeleton(self.skeleton)
        motion = _load_array(self.path).astype(np.float32)
        _check_shape(self.path, motion, skeleton)
        is_ready = motion.ndim == 2
        return Clip(
            name=self.name,
            joints_TJ3=_recover_joints(motion, skeleton) if is_ready else motion,
            frames_per_second=skeleton.frames_per_second,
            captions=captions,
            split=split,
            source=self.source,
            source_sha256=sha256,
            features_TD=motion if is_ready else None,
            skipped_captions=skipped,
        )


def _recover_joints(features_TD: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    # Imported here: who only looks a data set up does not wait for torch.
    import torch

    from lamp_core.features.decode import decode

    return np.asarray(decode(torch.from_numpy(features_TD), skeleton).numpy(), dtype=np.float32)


def _check_shape(path: Path, motion: np.ndarray, skeleton: Skeleton) -> None:
    if motion.shape[1:] not in {(skeleton.feature_count,), (skeleton.joint_count, 3)}:
        expected = f"(T, {skeleton.feature_count}) or (T, {skeleton.joint_count}, 3)"
        raise RejectedClip("joint-count", f"{path} has shape {motion.shape}, {skeleton.name} has {expected}")
    if not np.isfinite(motion).all():
        raise RejectedClip(
            "not-finite", f"{path}: {int((~np.isfinite(motion)).sum())} numbers are not finite"
        )
