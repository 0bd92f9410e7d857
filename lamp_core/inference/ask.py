"""One question for every task: motions of texts and poses, captions, and what comes next.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import (
    FeatureSpace,
    FileMotion,
    Gate,
    features_of,
    read_features,
    read_motion_file,
)
from lamp_core.errors import LampError
from lamp_core.features.bones import Decoding
from lamp_core.features.seam import led_over
from lamp_core.inference.editing import fill_gap
from lamp_core.inference.generate import Place, gap_of, joints_of
from lamp_core.inference.models import loaded, say_what_is_lost
from lamp_core.inference.prompts import look_up
from lamp_core.motion_language.requests import CAPTIONING, IN_BETWEENING, PREDICTION, AskedFor, understood
from lamp_core.remarks import remark
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.systems.capabilities import CONTROL, Captions, Completes, Controls, Generates

FIRST, LAST = "first", "last"
HELD_BEHIND = 2
"""Frames behind a held token: one that ends its last step, one that moves."""
STEP_METRES = 0.01
_PLACE = re.compile(r"(first|last|\d{1,9})=(.+)", re.DOTALL)


class Assistant(Captions, Completes, Controls, Generates, Protocol):
    """What answers every question."""


@dataclass(frozen=True)
class Pose:
    """A pose that a motion is to pass through.

    Args:
        place: ``first``, ``last``, or a frame, counted from 0.
        path: of a motion whose first movement of four frames it is, or last where it is the last pose; or of
            one to four frames, which are held.
    """

    place: str | int
    path: Path

    @classmethod
    def parse(cls, text: str) -> "Pose":
        """Read ``first=FILE``, ``last=FILE`` or ``FRAME=FILE``.

        Raises:
            LampError: it is none of these.
        """
        found = _PLACE.fullmatch(text)
        if found is None:
            raise LampError(f"--pose {text}: give it as first=FILE, last=FILE or FRAME=FILE")
        place, path = found.groups()
        return cls(place if place in (FIRST, LAST) else int(place), Path(path))


@dataclass(frozen=True)
class Answer:
    """What was answered: a text, or a motion.

    Args:
        text: empty where a motion was asked for.
        joints_TJ3: of the motion, in the skeleton's unit; None where a text was asked for.
        skeleton: of the motion.
        title: what the motion is of.
    """

    text: str = ""
    joints_TJ3: np.ndarray | None = None
    skeleton: Skeleton | None = None
    title: str = ""


def ask(
    data: Path,
    instruction: str,
    motion: Path | None = None,
    poses: Sequence[Pose] = (),
    seconds: float | None = None,
    seed: int = 0,
    model: str | None = None,
    decoding: Decoding = "bones",
    gate: Gate | None = None,
    gap: tuple[float | None, float | None] | None = None,
) -> Answer:
    """Answer an instruction with a text or a motion, by what it asks for.

    Args:
        data: the project's data folder.
        instruction: what the person does, or what to do with the motion.
        motion: to be described, gone on from, or filled.
        poses: that the motion passes through; they stand in the answer as they are, and what is made beside
            them is led over to them.
        seconds: length of the motion, of what comes next, or of what fills the gap; without it as the model
            thinks, four times what is given, and as long as the gap.
        seed: same seed, instruction and model, same answer.
        model: name of the one that answers, where several can; the first without it.
        decoding: how features become joints.
        gate: how motions stand in their files.
        gap: stretch of the motion that is made anew, from and to in seconds; None is its beginning or end.

    Raises:
        LampError: no task that is known, a motion or pose of another skeleton or longer than the longest, a
            length that the model cannot make, or stages that have not run.
    """
    asked = understood(instruction, has_motion=motion is not None, has_gap=gap is not None)
    if motion is not None and poses:
        raise LampError("give a motion or poses, not both")
    space = FeatureSpace.load(data / "features")
    frames = _whole_frames(seconds, space)
    assistant: Assistant = loaded(data, CONTROL, model)
    if frames is not None:
        _check_length(frames, assistant, space)
    if asked.unread:
        remark(f"what is missing is made of the motion alone; '{asked.unread}' is not looked at")
    if asked.task == IN_BETWEENING:
        raw_TD = _filled(assistant, motion, Place(gap), frames, seed, space, gate)
        return _in_motion(raw_TD, instruction, space, decoding)
    if motion is not None:
        features_TD = _normalised(read_features(motion, space, gate), space)
        if len(features_TD) > assistant.longest_frames:
            raise LampError(_too_long(str(motion), len(features_TD), assistant, space))
        if asked.task == CAPTIONING:
            return Answer(text=assistant.captions([features_TD])[0])
        assert asked.task == PREDICTION
        made_TD = _gone_on(assistant, features_TD, frames, seed, space)
    else:
        if strange := look_up(data, asked.caption).warning:
            remark(strange)
        say_what_is_lost(assistant, asked.caption)
        made_TD = _made(assistant, asked, poses, frames, seed, space, gate)
    raw_TD = space.statistics.denormalise(made_TD)
    return _in_motion(raw_TD, asked.caption or instruction, space, decoding)


def _in_motion(raw_TD: np.ndarray, title: str, space: FeatureSpace, decoding: Decoding) -> Answer:
    return Answer("", joints_of(raw_TD, space, decoding), space.skeleton, title)


def _filled(
    assistant: Assistant,
    motion: Path | None,
    gap: Place,
    frames: int | None,
    seed: int,
    space: FeatureSpace,
    gate: Gate | None,
) -> np.ndarray:
    """A motion, not normalised, with a stretch of it made anew."""
    assert motion is not None
    given_TD = read_features(motion, space, gate)
    stretch = gap_of(given_TD, gap, frames, space.skeleton.frames_per_second)
    return fill_gap(assistant, space, stretch, seed=seed)[0].features_TD


def _made(
    assistant: Assistant,
    asked: AskedFor,
    poses: Sequence[Pose],
    frames: int | None,
    seed: int,
    space: FeatureSpace,
    gate: Gate | None,
) -> np.ndarray:
    """A normalised motion of a text that passes through poses."""
    least, most = _least_frames(poses), frames or assistant.longest_frames
    places = [pose.place for pose in poses if isinstance(pose.place, int)]
    if max(places, default=0) >= most:
        raise LampError(f"a pose is given for frame {max(places)} of a motion of at most {most}")
    if least > most:
        raise LampError(f"the poses need {least} frames, {DOWNSAMPLING} each; the motion has {most}")
    if frames is None:
        frames = max(assistant.lengths([asked.caption], seed)[0], least)
    blank_TD = np.zeros((frames, len(space.statistics.mean_D)), dtype=np.float32)
    given_T = np.zeros(frames, dtype=bool)
    for pose in poses:
        held_4D = _normalised(_pose(pose, space, gate), space)
        start = {FIRST: 0, LAST: frames - DOWNSAMPLING}.get(str(pose.place), 0)
        if isinstance(pose.place, int):
            start = pose.place // DOWNSAMPLING * DOWNSAMPLING
            if start != pose.place:
                remark(
                    f"poses stand in whole movements of {DOWNSAMPLING} frames: the one for frame "
                    f"{pose.place} begins at frame {start}"
                )
        if given_T[start]:
            raise LampError(f"two poses are given for frame {start}")
        blank_TD[start : start + DOWNSAMPLING], given_T[start : start + DOWNSAMPLING] = held_4D, True
    (made_TD,) = assistant.control([asked.caption], [blank_TD], [given_T], seed, forced=True)
    return led_over(blank_TD, made_TD, given_T)


def _least_frames(poses: Sequence[Pose]) -> int:
    """Frames of the shortest motion in which every pose has four of its own."""
    tokens = [pose.place // DOWNSAMPLING for pose in poses if isinstance(pose.place, int)]
    tokens += [0 for pose in poses if pose.place == FIRST]
    is_last = any(pose.place == LAST for pose in poses)
    return DOWNSAMPLING * max(1, max(tokens, default=-1) + 1 + is_last)


def _gone_on(
    assistant: Assistant, features_TD: np.ndarray, frames: int | None, seed: int, space: FeatureSpace
) -> np.ndarray:
    """A normalised motion that begins with the given one, which stays as it is."""
    given = len(features_TD)
    total = min(given + (frames or 4 * given), assistant.longest_frames)
    if total < given + DOWNSAMPLING:
        raise LampError(_too_long("the motion with what comes next", given + DOWNSAMPLING, assistant, space))
    new_TD = np.zeros((total - given, features_TD.shape[1]), dtype=np.float32)
    given_T = np.arange(total) < given
    return assistant.complete([""], [np.concatenate([features_TD, new_TD])], [given_T], seed)[0]


def _pose(pose: Pose, space: FeatureSpace, gate: Gate | None) -> np.ndarray:
    """Features (4, D) of a pose, not normalised."""
    opened = (gate or Gate()).of_models(space.joint_map)
    motion = read_motion_file(pose.path, opened, space.skeleton.name)
    is_still = len(motion.joints_TJ3) <= DOWNSAMPLING and motion.features_TD is None
    if is_still:
        motion = _held(motion)
    features_TD = features_of(motion, space, pose.path)
    if len(features_TD) < DOWNSAMPLING:
        raise LampError(f"{pose.path} has {len(features_TD)} feature frames; a pose needs {DOWNSAMPLING}")
    is_end = pose.place == LAST and not is_still
    return features_TD[-DOWNSAMPLING:] if is_end else features_TD[:DOWNSAMPLING]


def _held(motion: FileMotion) -> FileMotion:
    """A pose that is held for a token, and a step behind it, since a motion without motion is none."""
    still_TJ3 = np.repeat(motion.joints_TJ3[-1:], DOWNSAMPLING + HELD_BEHIND, axis=0)
    still_TJ3[-1, :, 2] += STEP_METRES / motion.skeleton.metres_per_unit
    rate = motion.skeleton.frames_per_second
    return replace(motion, joints_TJ3=still_TJ3, frames_per_second=rate, bvh=None)


def _normalised(features_TD: np.ndarray, space: FeatureSpace) -> np.ndarray:
    frames = len(features_TD) // DOWNSAMPLING * DOWNSAMPLING
    return np.asarray(space.statistics.normalise(features_TD[:frames]), dtype=np.float32)


def _whole_frames(seconds: float | None, space: FeatureSpace) -> int | None:
    if seconds is None:
        return None
    rate = space.skeleton.frames_per_second
    if not math.isfinite(seconds * rate) or seconds <= 0:
        raise LampError(f"{seconds:g} s cannot be made; give seconds above 0")
    return round(seconds * rate) // DOWNSAMPLING * DOWNSAMPLING


def _check_length(frames: int, assistant: Assistant, space: FeatureSpace) -> None:
    rate, longest = space.skeleton.frames_per_second, assistant.longest_frames
    if not DOWNSAMPLING <= frames <= longest:
        raise LampError(
            f"{frames / rate:g} s cannot be made; between {DOWNSAMPLING / rate:g} and {longest / rate:g} s "
            "can"
        )


def _too_long(what: str, frames: int, assistant: Assistant, space: FeatureSpace) -> str:
    rate = space.skeleton.frames_per_second
    return (
        f"{what} lasts {frames / rate:.1f} s; the model looks at {assistant.longest_frames / rate:.1f} s at "
        "most, give a shorter one (`lamp caption --windows` describes a long one part by part)"
    )
