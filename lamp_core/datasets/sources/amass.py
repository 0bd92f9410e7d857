"""AMASS: motions as parameters of an SMPL+H or SMPL-X body (``.npz``), posed with the user's body model.

With the published index of HumanML3D (Guo et al. 2022) clips are cut as its scripts do: every n-th frame,
n = int(rate / 20); some of AMASS's sets lose their first seconds, in which the actor is calibrated; then the
frames from start to end. Else a file is a clip, interpolated to the skeleton's rate.

Shapes: T frames, K joints of the model, B shape parameters.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.sources.amass_index import Cut, read_index
from lamp_core.datasets.sources.base import (
    FASTEST,
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
    shared_file_sha256,
)
from lamp_core.datasets.sources.splits import clip_names, split_by_name, split_files
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy, read_npz
from lamp_core.io.folders import OnPassedOver, files_by_name, find_file, has_ending, ignore, inside
from lamp_core.skeleton.resampling import Sampling, axis_angles_of, quaternions_of, version_mark
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import UpAxis, turn_to_y_up

WHAT = "AMASS files"
SKELETONS = ("smpl22", "smplx52")
PARAMETERS = ("poses", "trans", "betas")
RATES = ("mocap_framerate", "mocap_frame_rate")
TEXTS = (*RATES, "gender")
UP: UpAxis = "z"
NEUTRAL = "neutral"
GENDER = re.compile(rf"\b(male|female|{NEUTRAL})\b")
WITHOUT_MOTION = ("shape.npz", "_stagei.npz")
"""Files of AMASS that hold a body's shape and no motion, by the end of their names."""
PUBLISHED_REFERENCE = "000021"
"""The clip whose first frame gives HumanML3D its bone lengths."""
JOINT_FILES = "humanact12"
"""Files of the published index that are joints already: Y up, 20 frames a second, not cut."""


class AmassFolder(SourceKind):
    """A folder of AMASS parameter files, with the user's body model and perhaps the published index."""

    options = frozenset({"--up", "--fps"})
    """The body model gives the size and the sides."""

    def complete(self, source: Source) -> Source:
        """Check folder, body model, splits and index.

        Raises:
            LampError: one of them is missing or unreadable, or there is no parameter file.
        """
        from lamp_core.skeleton.smplx import body_model_file, load_body_model

        folder = existing_folder(source.motions, WHAT)
        if source.body_model is None:
            raise LampError("AMASS files hold parameters of a body: name the body model with --body-model")
        load_body_model(body_model_file(source.body_model, "male"))
        if source.captions is not None:
            existing_captions(source.captions)
        split_files(source.splits)
        if source.index is None:
            if not parameter_files(folder):
                raise LampError(f"no .npz file with a motion in {folder}")
            return source if source.force else self._looked_at(source)
        cuts = read_index(source.index)
        reference = source.reference_clip or (PUBLISHED_REFERENCE if PUBLISHED_REFERENCE in cuts else None)
        if reference is not None and reference not in cuts:
            raise LampError(f"the reference clip {reference!r} is not in {source.index}")
        has_reference = reference is not None and find_motion(folder, cuts[reference].source) is not None
        settled = source.model_copy(
            update={"skeleton": "smpl22", "reference_clip": reference if has_reference else None}
        )
        return settled if source.force else self._looked_at(settled)

    def _looked_at(self, source: Source) -> Source:
        """Hold the first motions that are there against people: an index names sets that nobody has whole."""
        skeleton = load_skeleton(source.skeleton or SKELETONS[0])
        jobs = (job for job in self.clip_jobs(source, skeleton) if isinstance(job, AmassJob) and job.is_there)
        reading = Reading.of(source.form, skeleton, up=UP, options=self.options)
        return source.model_copy(update={"remarks": check_first_bodies(jobs, skeleton, reading)})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a cut of the index and a name in the splits, or a job a file."""
        if skeleton.name not in SKELETONS:
            raise LampError(f"AMASS gives the skeletons {', '.join(SKELETONS)}, not {skeleton.name}")
        folder = existing_folder(source.motions, WHAT)
        if source.body_model is None:
            raise LampError(f"data set {source.name!r} has no body model; register it again")
        files = {} if source.index is not None else parameter_files(folder, on_passed_over)
        cuts = {name: Cut(path) for name, path in files.items()}
        split_of = split_files(source.splits, files, on_passed_over)
        if source.index is not None:
            cuts = _cuts(source.index, split_of)
        body_model = source.body_model

        def job_of(name: str) -> AmassJob:
            return AmassJob(
                name=name,
                source=(cuts[name].source if name in cuts else f"{name}.npz"),
                folder=folder,
                captions=source.captions,
                split=split_by_name(name.removeprefix("M")) if split_of is None else split_of.get(name),
                skeleton=skeleton.name,
                body_model=body_model,
                cut=cuts.get(name),
                is_published=source.index is not None,
                up=source.up or UP,
                rate=source.frames_per_second,
            )

        return NamedJobs(clip_names(cuts, split_of, on_passed_over), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """All files below the folders, the index and the body model."""
        yield from role_files("motions", existing_folder(source.motions, WHAT))
        for role, place in (("captions", source.captions), ("splits", source.splits)):
            if place is not None:
                yield from role_files(role, place)
        if source.index is not None:
            yield "index", source.index
        if source.body_model is not None:
            yield from role_files("body-model", source.body_model)


def _cuts(index: Path, split_of: Mapping[str, Any] | None) -> dict[str, Cut]:
    """Cuts by clip name; of a mirror image only where a split names it, or where there are no splits."""
    cuts = read_index(index)
    mirrors = {f"M{name}": cut.mirrored() for name, cut in cuts.items()}
    if split_of is not None:
        mirrors = {name: cut for name, cut in mirrors.items() if name in split_of}
    return {**mirrors, **cuts}


def parameter_files(folder: Path, on_passed_over: OnPassedOver = ignore) -> dict[str, str]:
    """Motion files below the folder, by their path without its ending."""
    found = files_by_name(folder, ".npz", on_passed_over=on_passed_over)
    return {name: path for name, path in found.items() if not has_ending(path, *WITHOUT_MOTION)}


def find_motion(folder: Path, source: str) -> Path | None:
    """The file that the index means, under the names of either release of AMASS; None without one.

    Raises:
        RejectedClip: ``outside``, the index leads out of the folder.
    """
    stem = source.removesuffix(".npy").removesuffix(".npz")
    later = stem.removesuffix("_poses").replace(" ", "_") + "_stageii"
    for name in (f"{stem}.npz", f"{stem}.npy", f"{later}.npz", source):
        inside(folder, name)
        path = find_file(folder, name)
        if path is not None:
            return path
    return None


@dataclass(frozen=True)
class AmassJob(FileJob):
    """One parameter file, or a cut of one.

    Args:
        body_model: file, or folder of files by gender.
        cut: what is taken of the file; None for a clip that only a split names.
        is_published: whether frames are taken as the published scripts do.
        up: axis that points up.
        rate: frames a second; what the file says without it.
    """

    body_model: Path
    cut: Cut | None
    is_published: bool
    up: UpAxis = UP
    rate: float | None = None

    @property
    def is_there(self) -> bool:
        """Whether the folder holds the file."""
        try:
            return find_motion(self.folder, self.source) is not None
        except RejectedClip:
            return False

    def read_motion(self) -> Motion:
        """Read the parameters, pose the body, turn Z up to Y up and bring it to the skeleton's rate."""
        path = find_motion(self.folder, self.source) if self.cut is not None else None
        if path is None or self.cut is None:
            raise RejectedClip("motion-missing", f"there is no {self.source} in {self.folder}")
        skeleton, cut = load_skeleton(self.skeleton), self.cut
        parts: list[str] = []
        if self.is_published and JOINT_FILES in self.source:
            joints_TJ3 = ready_joints(path, skeleton, read_npy(path))
        elif self.is_published:
            joints_TJ3, parts = self._pose(path, skeleton, cut)
        else:
            joints_TJ3, parts = self._pose(path, skeleton, None)
        if cut.is_mirrored:
            from lamp_core.features.mirror import mirror

            joints_TJ3 = mirror(joints_TJ3, skeleton)
        stated = [value for value, usual in ((self.up, UP), (self.rate, None)) if value != usual]
        return Motion(joints_TJ3, combined_sha256(file_sha256(path), *parts, cut, *stated))

    def _pose(self, path: Path, skeleton: Skeleton, cut: Cut | None) -> tuple[np.ndarray, list[str]]:
        """Joints, and what they were made with."""
        from lamp_core.skeleton.smplx import body_model_file

        parameters = read_parameters(path, self.rate)
        model_path = body_model_file(self.body_model, parameters.gender)
        frames = None if cut is None else cut.frames(len(parameters.root_T3), parameters.rate)
        if frames is not None and not len(frames):
            raise RejectedClip("too-short", f"{path} has no frame of {cut}")
        marks: list[str] = []
        if frames is None:
            marks += version_mark(parameters.rate, skeleton.frames_per_second)
            parameters = parameters.at_rate(skeleton.frames_per_second)
        joints_TJ3 = turn_to_y_up(parameters.joints(model_path, skeleton, frames), self.up)
        return joints_TJ3.astype(np.float32), [shared_file_sha256(model_path), *marks]


def ready_joints(path: Path, skeleton: Skeleton, array: np.ndarray) -> np.ndarray:
    """The skeleton's joints among those (T, K, 3) of a body of the SMPL family that a file holds already."""
    if array.ndim != 3 or array.shape[1] < skeleton.joint_count or array.shape[2] != 3:
        raise RejectedClip("joint-count", f"{path} has shape {array.shape}, not joints of an SMPL body")
    return np.asarray(array[:, : skeleton.joint_count], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Parameters:
    """A motion as a body model takes it.

    Args:
        rotations_TK3: of each joint as seen from its parent, axis times angle in radians.
        root_T3: translation, metres.
        betas_B: shape.
        gender: male, female or neutral.
        rate: frames a second.
    """

    rotations_TK3: np.ndarray
    root_T3: np.ndarray
    betas_B: np.ndarray
    gender: str
    rate: float

    def at_rate(self, frames_per_second: float) -> "Parameters":
        """The motion at another rate: rotations on the shortest arc, the root on a line between frames."""
        if frames_per_second == self.rate:
            return self
        sampling = Sampling.of(len(self.root_T3), self.rate, frames_per_second)
        quaternions_4KT = quaternions_of(self.rotations_TK3).swapaxes(1, 2)
        return replace(
            self,
            rotations_TK3=axis_angles_of(sampling.on_arcs(quaternions_4KT).swapaxes(1, 2)),
            root_T3=sampling.on_lines(self.root_T3),
            rate=frames_per_second,
        )

    def joints(self, model_path: Path, skeleton: Skeleton, frames: np.ndarray | None = None) -> np.ndarray:
        """Joints of all frames, or of the chosen ones, by a body model, in the axes of the parameters."""
        import torch

        from lamp_core.skeleton.smplx import load_body_model

        model = load_body_model(model_path)
        rotations_TK3, root_T3 = self.rotations_TK3, self.root_T3
        if frames is not None:
            rotations_TK3, root_T3 = rotations_TK3[frames], root_T3[frames]
        posed_TK3 = skeleton_rotations(rotations_TK3, len(model.parents), skeleton)
        rotations, root, betas = (
            torch.from_numpy(np.array(values, dtype=np.float32))
            for values in (posed_TK3, root_T3, self.betas_B)
        )
        return model.joints(rotations, root, betas, skeleton)


def skeleton_rotations(rotations_TK3: np.ndarray, joint_count: int, skeleton: Skeleton) -> np.ndarray:
    """Rotations in the order of a model of another kind: the body's, then those that end with the hands."""
    from lamp_core.skeleton.smplx import BODY_JOINTS, HAND_JOINTS

    given = rotations_TK3.shape[1]
    fitted_TK3 = np.zeros((len(rotations_TK3), joint_count, 3), dtype=rotations_TK3.dtype)
    fitted_TK3[:, :BODY_JOINTS] = rotations_TK3[:, :BODY_JOINTS]
    if skeleton.joint_count > BODY_JOINTS:
        if given < BODY_JOINTS + HAND_JOINTS:
            raise RejectedClip("joint-count", f"{given} joints have no fingers, which {skeleton.name} needs")
        fitted_TK3[:, -HAND_JOINTS:] = rotations_TK3[:, -HAND_JOINTS:]
    return fitted_TK3


def read_parameters(path: Path, rate: float | None = None) -> Parameters:
    """Read an AMASS file of either release, in the shapes that its kin write, at the rate that it states.

    Shape parameters may be (B), (1, B) or (T, B), of which the first counts; the translation (T, 3) or (T, 1,
    3); the pose (T, 3 K) or (T, K, 3); rate and gender numbers, text, bytes or arrays of them.

    Args:
        path: the file.
        rate: that counts in place of the file's, which then need not state one.

    Raises:
        RejectedClip: as `read_npz`, ``unreadable`` when a field is missing or of another shape,
            ``joint-count``, ``not-finite``, or ``frame-rate`` for one that no camera has.
    """
    fields = read_npz(path, PARAMETERS, TEXTS)
    missing = [name for name in PARAMETERS if name not in fields]
    if rate is None and not set(RATES) & set(fields):
        missing.append(f"{' or '.join(RATES)} (--fps states it)")
    if missing:
        raise RejectedClip("unreadable", f"{path} is no AMASS motion: it lacks {', '.join(missing)}")
    infinite = [name for name in PARAMETERS if not np.isfinite(fields[name]).all()]
    if infinite:
        raise RejectedClip("not-finite", f"{path}: {infinite[0]} holds numbers that are not finite")
    rotations_TK3 = _rotations(path, fields["poses"])
    frames = len(rotations_TK3)
    return Parameters(
        rotations_TK3,
        _translation(path, fields["trans"], frames),
        _shape(path, fields["betas"], frames),
        _gender(fields.get("gender")),
        _rate(path, fields) if rate is None else rate,
    )


def _rotations(path: Path, poses: np.ndarray) -> np.ndarray:
    from lamp_core.skeleton.smplx import BODY_JOINTS, JOINT_COUNTS

    if poses.ndim < 2 or poses.ndim > 3 or (poses.ndim == 3 and poses.shape[2] != 3):
        raise RejectedClip("unreadable", f"{path}: poses {poses.shape} are neither (T, 3 K) nor (T, K, 3)")
    numbers = int(np.prod(poses.shape[1:]))
    joints, rest = divmod(numbers, 3)
    if rest or joints not in {BODY_JOINTS, *JOINT_COUNTS}:
        known = ", ".join(f"{3 * count} ({name})" for count, name in JOINT_COUNTS.items())
        raise RejectedClip("joint-count", f"{path}: poses have {numbers} numbers a frame; known: {known}")
    return poses.reshape(len(poses), joints, 3)


def _translation(path: Path, trans: np.ndarray, frames: int) -> np.ndarray:
    if trans.shape not in {(frames, 3), (frames, 1, 3)}:
        raise RejectedClip(
            "unreadable", f"{path}: trans {trans.shape} is not ({frames}, 3), as poses have it"
        )
    return trans.reshape(frames, 3)


def _shape(path: Path, betas: np.ndarray, frames: int) -> np.ndarray:
    if betas.ndim == 1:
        return betas
    if betas.ndim == 2 and len(betas) in {1, frames}:
        first_B: np.ndarray = betas[0]
        return first_B
    raise RejectedClip("unreadable", f"{path}: betas {betas.shape} are neither (B), (1, B) nor ({frames}, B)")


def _rate(path: Path, fields: Mapping[str, np.ndarray]) -> float:
    name = next(name for name in RATES if name in fields)
    said = _text(fields[name])
    try:
        rate = float(said)
    except ValueError as error:
        raise RejectedClip("frame-rate", f"{path}: {name} {said!r} is no number; --fps states it") from error
    if not 0 < rate <= FASTEST:
        raise RejectedClip("frame-rate", f"{path}: {name} says {rate:g} frames a second")
    return rate


def _gender(field: np.ndarray | None) -> str:
    """As the file says it in words, in any case and whatever stands about it; of several the first."""
    if field is None:
        return NEUTRAL
    said = [_text(field[place : place + 1]) for place in range(field.size)] if field.ndim == 1 else []
    found = (GENDER.search(word.lower()) for word in [*said, _text(field)])
    return next((word[0] for word in found if word), _text(field).strip().lower())


def _text(field: np.ndarray) -> str:
    value = field.reshape(-1)[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
