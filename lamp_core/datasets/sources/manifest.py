"""A manifest: one table, CSV or Parquet, a row a clip, for sets of a million clips.

The table is read row by row, so that neither registering nor ingesting holds more of it than a batch. Motions
are files below the source's folder: joints or ready features (``.npy``), ``.bvh``, AMASS parameters
(``.npz``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.clips import Split
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.preprocessing.tagging import plain_caption
from lamp_core.datasets.sources.amass import read_parameters
from lamp_core.datasets.sources.base import (
    ClipJobs,
    FileJob,
    Motion,
    Source,
    SourceKind,
    check_first_bodies,
    combined_sha256,
    existing_folder,
    file_sha256,
    shared_file_sha256,
)
from lamp_core.datasets.sources.humanml3d import recover_joints
from lamp_core.datasets.sources.manifest_table import Manifest, Row
from lamp_core.datasets.sources.splits import split_by_name
from lamp_core.datasets.sources.texts import ClipTexts
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.io.folders import OnPassedOver, ignore
from lamp_core.io.text import has_word
from lamp_core.skeleton.bvh import BvhMotion
from lamp_core.skeleton.mapping import load_map
from lamp_core.skeleton.resampling import version_mark
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import turn_to_y_up

WHAT = "motion files"
ENDINGS = (".npy", ".bvh", ".npz")
ROWS_LOOKED_AT = 20


class ManifestTable(SourceKind):
    """A manifest and the folder of its motions."""

    def complete(self, source: Source) -> Source:
        """Check the table's columns, and of its first rows the files.

        Raises:
            LampError: no table, folder or skeleton, a bad column, no row, or none of the first files there.
        """
        if source.manifest is None or not source.manifest.is_file():
            raise LampError(f"there is no manifest {source.manifest}")
        folder = source.motions or source.manifest.parent
        existing_folder(folder, WHAT)
        skeleton = load_skeleton(source.skeleton or "")
        if source.map is not None:
            load_map(source.map).source_joints(skeleton.name)
        rows = list(islice(Manifest(source.manifest), ROWS_LOOKED_AT))
        if not rows:
            raise LampError(f"the manifest {source.manifest} has no row")
        settled = source.model_copy(update={"motions": folder})
        jobs = list(_jobs(rows, settled, skeleton))
        _check_first_files(jobs)
        if source.force:
            return settled
        joint_map = None if source.map is None else load_map(source.map)
        remarks = check_first_bodies(jobs, skeleton, Reading.of(source.form, skeleton, joint_map))
        return settled.model_copy(update={"remarks": remarks})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a row, in the order of the table."""
        existing_folder(source.motions, WHAT)
        if source.manifest is None:
            raise LampError(f"data set {source.name!r} has no manifest; register it again")
        return ManifestJobs(Manifest(source.manifest), source, skeleton)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """The table, joint map and body model; not a million motions, which the table stands for."""
        if source.manifest is not None:
            yield "manifest", source.manifest
        if source.map is not None and Path(source.map).is_file():
            yield "map", Path(source.map)
        if source.body_model is not None and source.body_model.is_file():
            yield "body-model", source.body_model


@dataclass(frozen=True, eq=False)
class ManifestJobs:
    """The jobs of a table's rows, made as they are asked for."""

    table: Manifest
    source: Source
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator["ManifestJob"]:
        return _jobs(self.table, self.source, self.skeleton)


def _jobs(rows: Iterable[Row], source: Source, skeleton: Skeleton) -> Iterator["ManifestJob"]:
    assert source.motions is not None
    for row in rows:
        yield ManifestJob(
            name=row.clip,
            source=row.file,
            folder=source.motions,
            captions=None,
            split=row.split or (None if row.fault else split_by_name(row.clip)),
            skeleton=skeleton.name,
            row=row,
            form=source.form,
            body_model=source.body_model,
        )


def _check_first_files(jobs: list["ManifestJob"]) -> None:
    """LampError when none of the files is there."""
    faults = []
    for job in jobs:
        try:
            file_sha256(job.motion_path())
        except RejectedClip as rejected:
            faults.append(str(rejected))
    if len(faults) == len(jobs):
        raise LampError(f"none of the manifest's first files can be read: {faults[0]}")


@dataclass(frozen=True)
class ManifestJob(FileJob):
    """One row.

    Args:
        row: of the table.
        form: how joints stand in the files; unit and axes stand before a map's, too.
        body_model: of ``.npz`` files.
    """

    row: Row
    form: MotionForm
    body_model: Path | None

    def read_split(self) -> Split:
        """The clip's split; RejectedClip ``manifest-row`` for a row with a fault."""
        self._require_whole_row()
        return super().read_split()

    def _require_whole_row(self) -> None:
        if self.row.fault:
            raise RejectedClip("manifest-row", f"{self.name}: {self.row.fault}")

    def read_texts(self) -> ClipTexts:
        """The row's sentences, tagged here."""
        captions = [plain_caption(text) for text in self.row.captions]
        kept = [caption for caption in captions if caption is not None]
        return ClipTexts(kept, self.row.of_parts, len(captions) - len(kept))

    def read_labels(self) -> Mapping[str, str]:
        """The row's labels."""
        return self.row.labels

    def count_captions(self) -> tuple[int, int]:
        """How many sentences the row has, and how many have no word, without tagging them."""
        kept = sum(map(has_word, self.row.captions))
        return kept, len(self.row.captions) - kept

    def read_motion(self) -> Motion:
        """Read the file by its ending and take the row's span of it; RejectedClip as `read_split`, too."""
        self._require_whole_row()
        path = self.motion_path()
        skeleton, ending = load_skeleton(self.skeleton), path.suffix.lower()
        if ending not in ENDINGS:
            raise RejectedClip("unreadable", f"{path} is none of {', '.join(ENDINGS)}")
        sha256 = file_sha256(path)
        parts: list[str] = []
        features_TD = None
        remarks: tuple[tuple[str, str], ...] = ()
        if ending == ".bvh":
            motion = self.form.read_bvh(path)
            joints_TJ3, remarks = self._bvh_joints(motion, path, skeleton), motion.remarks
            parts += version_mark(motion.frames_per_second, skeleton.frames_per_second)
        elif ending == ".npz":
            joints_TJ3, parts = self._read_parameters(path, skeleton)
        else:
            joints_TJ3, features_TD = self._read_npy(path, skeleton)
        frames = self._frames(len(joints_TJ3), skeleton.frames_per_second)
        sha256 = combined_sha256(sha256, self.form.identity, frames, *parts)
        features_TD = None if features_TD is None else features_TD[frames]
        return Motion(joints_TJ3[frames], sha256, features_TD, remarks)

    def _frames(self, count: int, rate: float) -> slice:
        start = round(self.row.start * rate)
        end = count if self.row.end is None else min(count, round(self.row.end * rate))
        if end - start < 1:
            raise RejectedClip("too-short", f"{self.name}: the file ends after {count / rate:.2f} s")
        return slice(start, end)

    def _bvh_joints(self, motion: BvhMotion, path: Path, skeleton: Skeleton) -> np.ndarray:
        try:
            return self.form.bvh_joints(motion, skeleton)
        except LampError as fault:
            raise RejectedClip("no-map", f"{path}: {fault}; register with --map") from fault

    def _read_npy(self, path: Path, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray | None]:
        array = read_npy(path)
        if array.ndim == 2 and array.shape[1] == skeleton.feature_count and np.isfinite(array).all():
            features_TD = array.astype(np.float32)
            return recover_joints(features_TD, skeleton), features_TD
        return self.form.joints(array, path, skeleton), None

    def _read_parameters(self, path: Path, skeleton: Skeleton) -> tuple[np.ndarray, list[str]]:
        from lamp_core.skeleton.smplx import body_model_file

        if self.body_model is None:
            raise RejectedClip(
                "no-body-model", f"{path}: .npz needs a body model; register with --body-model"
            )
        parameters = read_parameters(path, self.form.frames_per_second)
        model_path = body_model_file(self.body_model, parameters.gender)
        rate, marks = skeleton.frames_per_second, version_mark(parameters.rate, skeleton.frames_per_second)
        posed_TJ3 = parameters.at_rate(rate).joints(model_path, skeleton)
        joints_TJ3 = turn_to_y_up(posed_TJ3, self.form.up or "z")
        return joints_TJ3.astype(np.float32), [shared_file_sha256(model_path), *marks]
