"""Another registered data set as the trained models read it: their skeleton, reference pose, statistics."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lamp_core.config.models import Ingest
from lamp_core.datasets.clips import Clip
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips, write_clips
from lamp_core.datasets.code_version import code_version
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import EMBEDDED, fingerprint, load_source
from lamp_core.datasets.sources import Source
from lamp_core.errors import LampError
from lamp_core.evaluation.cache import digest
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.skeleton.kinematics import bone_lengths

KEPT_DATA_SETS = 3


def features_on(
    name: str,
    data: Path,
    settings: Ingest,
    cache: Path,
    on_progress: OnProgress | None = None,
) -> FeatureSet:
    """Return the features of a registered data set in the space of the project's trained models.

    They are kept in ``cache``, under a key of everything that they are made from.

    Args:
        name: of the other data set.
        data: the project's data folder; its ``features`` are those the models were trained on.
        settings: section ``ingest``: shortest clip, share of rejected clips, and, for the embedded data set,
            clips and seed.
        cache: where they are kept.
        on_progress: called with (clips done, of all, text).

    Raises:
        LampError: an unknown data set, one of another skeleton, or too many clips that cannot be used.
    """
    space = FeatureSpace.load(data / "features")
    source, skeleton = load_source(data, name), space.skeleton
    if source.skeleton not in {None, skeleton.name}:
        raise LampError(
            f"data set {name!r} has the skeleton {source.skeleton}, the models were trained on "
            f"{skeleton.name}; only a data set of the same skeleton can be measured on"
        )
    described = source.model_copy(update={"fingerprint": fingerprint(source)}).model_dump_json()
    wanted = settings.model_dump_json(exclude={"data", "skeleton"})
    arrays = (space.reference_J3, space.statistics.mean_D, space.statistics.std_D)
    texts = (code_version(), described, wanted, skeleton.name)
    parts = (*(text.encode() for text in texts), *(array.tobytes() for array in arrays))
    folder = cache / digest(parts)[:32]
    if not folder.exists():
        making = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            _make(source, space, settings, making, on_progress or (lambda done, total, text: None))
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        _forget_old(cache)
    os.utime(folder)
    return FeatureSet.load(folder)


def _make(
    source: Source, space: FeatureSpace, settings: Ingest, folder: Path, on_progress: OnProgress
) -> None:
    """Ingest, and compute the features with the space's reference pose and statistics."""
    ingest(
        source,
        space.skeleton,
        folder,
        min_frames=settings.min_frames,
        limits=settings.limits,
        max_rejected=settings.max_rejected,
        procedural=(settings.clips, settings.seed) if source.name in EMBEDDED else None,
        failed_folder=folder.parent,
        on_progress=lambda done, total: on_progress(done, total, f"reading {source.name}"),
    )
    metadata = read_clip_metadata(folder / CLIPS_FILE)
    same_body = _has_bones_of(space, np.array(metadata.reference))
    of_space = metadata.model_copy(
        update={
            "reference": space.reference_J3.tolist(),
            "published_mean": space.statistics.mean_D.tolist(),
            "published_std": space.statistics.std_D.tolist(),
        }
    )
    clips = read_clips(folder / CLIPS_FILE)
    write_clips(folder / CLIPS_FILE, clips if same_body else _without_features(clips), of_space)
    extract_features(
        folder,
        folder,
        statistics="published",
        on_progress=lambda done, total: on_progress(done, total, f"features of {source.name}"),
    )
    (folder / CLIPS_FILE).unlink()


def _has_bones_of(space: FeatureSpace, pose_J3: np.ndarray) -> bool:
    """Whether a pose has the lengths of the space's reference, on which alone features depend."""
    lengths_E, pose_lengths_E = (
        bone_lengths(torch.from_numpy(pose.astype(np.float64)), space.skeleton)
        for pose in (space.reference_J3, pose_J3)
    )
    return torch.allclose(lengths_E, pose_lengths_E, rtol=1e-3)


def _without_features(clips: Iterator[Clip]) -> Iterator[Clip]:
    """Ready features are of another body: they are computed anew from the joints."""
    return (replace(clip, features_TD=None) for clip in clips)


def _forget_old(cache: Path) -> None:
    by_age = sorted(
        (path for path in cache.iterdir() if path.is_dir() and not path.name.startswith(".")),
        key=lambda path: path.stat().st_mtime,
    )
    for path in by_age[:-KEPT_DATA_SETS]:
        shutil.rmtree(path, ignore_errors=True)
