"""Clips and features of any registered data set: those of the workspace, or a copy in ``.lamp``."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamp_core.config import Config
from lamp_core.datasets.clips_store import CLIPS_FILE
from lamp_core.datasets.code_version import code_version
from lamp_core.datasets.features_store import FEATURES_FILE
from lamp_core.datasets.registry import fingerprint, load_source
from lamp_core.datasets.schema import CLIPS, FEATURES, DatasetMetadata, load_metadata
from lamp_core.errors import LampError
from lamp_core.io.parquet import open_parquet
from tasks.project import Project

CACHE_FOLDER = "data"
INGEST, EXTRACT = "ingest", "features"
PROCEDURAL, OF_PROCEDURAL = "procedural", ("clips", "seed")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DatasetOutputs:
    """Folders of the stages ``ingest`` and ``features`` of one data set, and what holds for all its clips."""

    ingest: Path
    features: Path
    metadata: DatasetMetadata


def outputs_of(
    project: Project, config: Config, name: str, on_progress: Progress | None = None
) -> DatasetOutputs:
    """The outputs of a registered data set; made into the cache when the workspace holds another set.

    Args:
        project: the project.
        config: its parameters; limits and skeleton are those of the workspace unless the source states one.
        name: of the data set.
        on_progress: called with clips done and all clips while the outputs are made.

    Raises:
        LampError: an unknown data set, or one that cannot be ingested.
    """
    return known_outputs(project, config, name) or _make(project, config, name, on_progress)


def known_outputs(project: Project, config: Config, name: str) -> DatasetOutputs | None:
    """The outputs that stand already, the workspace's or the cache's; None when there are none."""
    standing = _read(project.output(INGEST), project.output(EXTRACT))
    if standing is not None and standing.metadata.dataset == name:
        return standing
    folder = _cache_folder(project, config, name)
    return _read(folder / INGEST, folder / EXTRACT)


def _read(ingest_folder: Path, features_folder: Path) -> DatasetOutputs | None:
    """Both folders, when both stand and are of the same clips."""
    clips_path, features_path = ingest_folder / CLIPS_FILE, features_folder / FEATURES_FILE
    if not (clips_path.is_file() and features_path.is_file()):
        return None
    metadata = load_metadata(clips_path, open_parquet(clips_path, CLIPS))
    of_features = load_metadata(features_path, open_parquet(features_path, FEATURES))
    if metadata.version != of_features.version:
        return None
    return DatasetOutputs(ingest_folder, features_folder, metadata)


def _cache_folder(project: Project, config: Config, name: str) -> Path:
    """A folder for this state of the source's files, and of the parameters and the code that read it."""
    source = load_source(project.data, name)
    state = source.model_copy(update={"fingerprint": fingerprint(source)}).model_dump_json()
    unread = (
        {"data", "max_rejected"} if source.kind == PROCEDURAL else {"data", "max_rejected", *OF_PROCEDURAL}
    )
    parameters = config.ingest.model_dump_json(exclude=unread) + config.features.model_dump_json()
    digest = hashlib.sha256((state + parameters + code_version()).encode()).hexdigest()[:12]
    return project.state / CACHE_FOLDER / f"{name}-{digest}"


def _make(project: Project, config: Config, name: str, on_progress: Progress | None) -> DatasetOutputs:
    from lamp_core.datasets.preprocessing.feature_extraction import extract_features
    from lamp_core.datasets.preprocessing.ingest import ingest
    from lamp_core.skeleton.skeleton import load_skeleton
    from tasks.system.resources import threads

    source = load_source(project.data, name)
    folder = _cache_folder(project, config, name)
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    wanted = config.ingest
    try:
        ingest(
            source,
            load_skeleton(source.skeleton or wanted.skeleton),
            unfinished / INGEST,
            min_frames=wanted.min_frames,
            limits=wanted.limits,
            tagger=wanted.tagger,
            max_rejected=1.0,  # to look at a set, however much of it is rejected
            procedural=(wanted.clips, wanted.seed),
            workers=threads(),
            on_progress=on_progress,
        )
        extract_features(unfinished / INGEST, unfinished / EXTRACT, mirror=config.features.mirror)
        _remove_older(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    made = _read(folder / INGEST, folder / EXTRACT)
    if made is None:
        raise LampError(f"the outputs of data set {name!r} in {folder} cannot be read; remove the folder")
    return made


def _remove_older(folder: Path) -> None:
    """Remove what the cache holds of other states of this data set."""
    name, _, _ = folder.name.rpartition("-")
    for other in folder.parent.glob(f"{name}-{'[0-9a-f]' * 12}"):
        shutil.rmtree(other)
