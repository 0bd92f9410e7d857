"""Motion-X (Lin et al. 2023): whole-body motion, 30 frames a second, Y up, in folders of sub-datasets.

The motions are the first of these that there are:

- ready features of smplx52, 623 numbers a frame: ``new_joint_vecs`` (or ``new_joints_vecs``, as its scripts
  name them);
- joints (T, 52, 3) of smplx52, or (T, 55, 3) of SMPL-X: ``new_joints`` or ``joints`` (or ``joint``);
- published SMPL-X parameters, 322 numbers a frame: ``motion_data/smplx_322``, with a body model.

Texts: ``texts/semantic_labels`` (a sentence a line) or ``texts``, and those about parts of the body, if there
are any, in ``texts/PART_texts``: a sentence a line for the face (``.txt``), a JSON object with a description
of every frame for body and hands, whose different sentences are kept in the order of the frames. Splits:
``train.txt val.txt test.txt``, names with their sub-dataset.

Shapes: T frames, K joints of the body model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lamp_core.datasets.body_checks import Reading
from lamp_core.datasets.motion_form import MotionForm, require_unstated
from lamp_core.datasets.preprocessing.caption_files import caption_lines
from lamp_core.datasets.sources.amass import Parameters, ready_joints
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
    role_files,
    shared_file_sha256,
)
from lamp_core.datasets.sources.splits import clip_names, split_by_name, split_files
from lamp_core.datasets.sources.texts import ClipTexts, frame_sentences, read_clip_texts
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npy
from lamp_core.io.folders import OnPassedOver, files_by_name, find_file, ignore, is_litter
from lamp_core.skeleton.resampling import resample, version_mark
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

WHAT = "Motion-X folder"
VECTORS, JOINTS = ("new_joint_vecs", "new_joints_vecs"), ("new_joints", "joints", "joint")
SMPLX = ("motion_data/smplx_322", "smplx_322")
WHOLE_BODY, PART_ENDING = "semantic_labels", "_texts"
PART_READERS = {".txt": caption_lines, ".json": frame_sentences}
RATE = 30.0
SKELETONS = ("smpl22", "smplx52")
JOINTS_OF_SMPLX = 55
SLICES = {
    "root_orient": slice(0, 3),
    "pose_body": slice(3, 66),
    "pose_hand": slice(66, 156),
    "pose_jaw": slice(156, 159),
    "face_expr": slice(159, 209),
    "face_shape": slice(209, 309),
    "trans": slice(309, 312),
    "betas": slice(312, 322),
}
"""What the 322 published numbers a frame are."""
WIDTH = 322


class MotionXFolder(SourceKind):
    """The published folders of Motion-X."""

    usual_skeleton = "smplx52"

    def complete(self, source: Source) -> Source:
        """Check the folders, and the body model where the motions are parameters.

        Raises:
            LampError: no motions, no texts, no splits, or no body model where it is needed.
        """
        folder = existing_folder(source.motions, WHAT)
        motions = motion_folder(folder)
        existing_folder(text_folder(source), "captions")
        split_files(source.splits or folder)
        if is_parameters(motions):
            if source.body_model is None:
                raise LampError(f"{motions} holds parameters of a body: name the SMPL-X model: --body-model")
            from lamp_core.skeleton.smplx import body_model_file, load_body_model

            load_body_model(body_model_file(source.body_model, "neutral"))
        wanted = source.skeleton or self.usual_skeleton
        if wanted not in SKELETONS or (motions.name in VECTORS and wanted != self.usual_skeleton):
            raise LampError(f"{motions} gives {self.usual_skeleton}, not {wanted}")
        settled = source.model_copy(update={"skeleton": wanted})
        if motions.name in VECTORS:
            require_unstated(source.form, str(motions))
        if source.force:
            return settled
        skeleton = load_skeleton(wanted)
        jobs = (job for job in self.clip_jobs(settled, skeleton) if isinstance(job, FileJob))
        remarks = check_first_bodies(jobs, skeleton, Reading.of(source.form, skeleton))
        return settled.model_copy(update={"remarks": remarks})

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a motion and a name in the splits."""
        if skeleton.name not in SKELETONS:
            raise LampError(f"Motion-X gives the skeletons {', '.join(SKELETONS)}, not {skeleton.name}")
        folder = existing_folder(source.motions, WHAT)
        motions = motion_folder(folder)
        files = files_by_name(motions, ".npy", on_passed_over=on_passed_over)
        split_of = split_files(source.splits or folder, files, on_passed_over)
        texts = text_folder(source)

        def job_of(name: str) -> MotionXJob:
            return MotionXJob(
                name=name,
                source=files.get(name, f"{name}.npy"),
                folder=motions,
                captions=texts,
                split=split_by_name(name) if split_of is None else split_of.get(name),
                skeleton=skeleton.name,
                body_model=source.body_model,
                form=source.form,
            )

        return NamedJobs(clip_names(files, split_of, on_passed_over), job_of)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """Motions, texts, splits and the body model."""
        folder = existing_folder(source.motions, WHAT)
        yield from role_files("motions", motion_folder(folder))
        yield from role_files("captions", text_folder(source))
        splits = source.splits or folder
        yield from ((path.name, path) for path in sorted(splits.glob("*.txt")) if not is_litter(path.name))
        if source.body_model is not None and source.body_model.is_file():
            yield "body-model", source.body_model


def motion_folder(folder: Path) -> Path:
    """The first folder that holds motions; LampError without one."""
    for name in (*VECTORS, *JOINTS, *SMPLX):
        if (folder / name).is_dir() and files_by_name(folder / name, ".npy"):
            return folder / name
    names = ", ".join((*VECTORS, *JOINTS, *SMPLX))
    raise LampError(f"{folder} holds none of {names} with .npy files in it")


def is_parameters(motions: Path) -> bool:
    """Whether a folder of motions holds SMPL-X parameters."""
    return motions.name == "smplx_322"


def text_folder(source: Source) -> Path:
    """The folder of the texts, by option or in the published place."""
    return source.captions or existing_folder(source.motions, WHAT) / "texts"


@dataclass(frozen=True)
class MotionXJob(FileJob):
    """One ``.npy`` file: features, joints or parameters.

    Args:
        body_model: file, or folder of files by gender; needed for parameters.
        form: how joints, and those that parameters give, stand in it.
    """

    body_model: Path | None
    form: MotionForm = field(default_factory=MotionForm)

    def read_texts(self) -> ClipTexts:
        """The sentences about the whole body, and those about its parts."""
        assert self.captions is not None
        has_labels = (self.captions / WHOLE_BODY).is_dir()
        place = self.captions / WHOLE_BODY if has_labels else self.captions
        texts = read_clip_texts(place, self.name)
        parts: dict[str, tuple[str, ...]] = {}
        for folder in sorted(self.captions.glob(f"*{PART_ENDING}")):
            for ending, read in PART_READERS.items():
                path = find_file(folder, f"{self.name}{ending}")
                if path is not None:
                    part = folder.name.removesuffix(PART_ENDING)
                    parts[part] = (*parts.get(part, ()), *read(path))
        return ClipTexts(texts.captions, parts, texts.skipped)

    def read_motion(self) -> Motion:
        """Read the motion, with ready features when the file holds them."""
        path = self.motion_path()
        sha256, skeleton = file_sha256(path), load_skeleton(self.skeleton)
        array = read_npy(path)
        if not np.isfinite(array).all():
            raise RejectedClip("not-finite", f"{path} holds numbers that are not finite")
        if array.ndim == 3:
            joints_TJ3 = self._placed(_joints(array, path, skeleton), path, skeleton)
            return Motion(joints_TJ3, self._sha256(sha256, skeleton.name))
        if is_parameters(self.folder) and array.ndim == 2 and array.shape[1] == WIDTH:
            return self._pose(array, skeleton, sha256)
        if array.ndim != 2 or array.shape[1] != skeleton.feature_count:
            wanted = f"(T, {skeleton.feature_count}), (T, {skeleton.joint_count}, 3) or (T, {WIDTH})"
            raise RejectedClip("joint-count", f"{path} has shape {array.shape}, not {wanted}")
        from lamp_core.datasets.sources.humanml3d import recover_joints

        features_TD = array.astype(np.float32)
        return Motion(recover_joints(features_TD, skeleton), sha256, features_TD)

    def _pose(self, vectors_TV: np.ndarray, skeleton: Skeleton, sha256: str) -> Motion:
        from lamp_core.skeleton.smplx import body_model_file

        assert self.body_model is not None
        model_path = body_model_file(self.body_model, "neutral")
        own = self.form.frames_per_second or RATE
        rate, marks = skeleton.frames_per_second, version_mark(own, skeleton.frames_per_second)
        parameters = replace(parameters_of(vectors_TV, model_path), rate=own).at_rate(rate)
        placed_TJ3 = self.form.placed(parameters.joints(model_path, skeleton), model_path, skeleton)
        made_of = (shared_file_sha256(model_path), skeleton.name, *marks)
        return Motion(placed_TJ3.astype(np.float32), self._sha256(sha256, *made_of))

    def _placed(self, joints_TJ3: np.ndarray, path: Path, skeleton: Skeleton) -> np.ndarray:
        """In the skeleton's unit, axes and rate, as the form says and else as they are published."""
        rate = self.form.frames_per_second or RATE
        placed_TJ3 = self.form.placed(joints_TJ3, path, skeleton)
        return resample(placed_TJ3, rate, skeleton.frames_per_second).astype(np.float32)

    def _sha256(self, *parts: object) -> str:
        return combined_sha256(*parts, *([self.form.identity] if self.form.is_stated else []))


def _joints(array: np.ndarray, path: Path, skeleton: Skeleton) -> np.ndarray:
    if array.shape[1] == JOINTS_OF_SMPLX and array.shape[2] == 3:
        from lamp_core.skeleton.smplx import joint_order

        array = array[:, joint_order(skeleton, JOINTS_OF_SMPLX)]
    return ready_joints(path, skeleton, array)


def parameters_of(vectors_TV: np.ndarray, model_path: Path) -> Parameters:
    """The published 322 numbers a frame as parameters of SMPL-X.

    Fingers are turned from the model's mean hand, as in the published scripts; jaw and face move no joint of
    the skeletons.
    """
    from lamp_core.skeleton.smplx import BODY_JOINTS, load_body_model

    parts = {name: vectors_TV[:, columns] for name, columns in SLICES.items()}
    body = np.concatenate([parts["root_orient"], parts["pose_body"]], axis=1)
    hand_mean_H3 = load_body_model(model_path).hand_mean_H3.numpy()
    hands_TH3 = parts["pose_hand"].reshape(len(body), -1, 3) + hand_mean_H3
    rotations_TK3 = np.concatenate([body.reshape(len(body), BODY_JOINTS, 3), hands_TH3], axis=1)
    return Parameters(rotations_TK3, parts["trans"], parts["betas"][0], "neutral", RATE)
