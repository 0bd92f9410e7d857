"""Text to motion, and editing, with the trained models below a project's data folder.

Shapes: T frames, J joints, D feature numbers a frame.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import FeatureSpace, Gate, read_features
from lamp_core.errors import LampError
from lamp_core.features.bones import Decoding, decode_by
from lamp_core.inference.editing import Gap, fill_gap
from lamp_core.inference.models import loaded, say_what_is_lost
from lamp_core.inference.part_texts import telling
from lamp_core.inference.sampling import SamplingChange
from lamp_core.io.text import composed, require_words
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.systems.capabilities import COMPLETE, GENERATE, Completes, EstimatesLength, Generates


@dataclass(frozen=True)
class GeneratedMotions:
    """Motions of one text.

    Args:
        joints: (T, J, 3) each, in the skeleton's unit.
        skeleton: of the data set that the models were trained on.
        features: (T, D) each, not normalised, that the joints were made from.
    """

    joints: list[np.ndarray]
    skeleton: Skeleton
    features: Sequence[np.ndarray] = ()


def generate(
    data: Path,
    text: str,
    count: int = 1,
    seconds: float | None = None,
    seed: int = 0,
    model: str | None = None,
    decoding: Decoding = "bones",
    sampling: SamplingChange | None = None,
    of_parts: Mapping[str, str] | None = None,
) -> GeneratedMotions:
    """Generate motions of a text.

    Args:
        data: the project's data folder.
        text: what the person does.
        count: how many motions.
        seconds: their length; estimated from the text without it.
        seed: same seed, text and models, same motions.
        model: name of the one that generates, where several can; the first without it.
        decoding: how features become joints; by default so that bones keep their lengths.
        sampling: guidance and steps other than those of the model.
        of_parts: what parts of the body do, by their names, for a model that was trained on that.

    Raises:
        LampError: an empty text, a length that the model cannot make, a part that it cannot be told of, or
            stages that have not run.
    """
    require_words(text)
    if count < 1:
        raise LampError(f"{count} motions asked for; at least 1")
    space = FeatureSpace.load(data / "features")
    generator: Generates = (sampling or SamplingChange()).of(loaded(data, GENERATE, model))
    generator = telling(generator, of_parts or {})
    for said in (text, *(of_parts or {}).values()):
        say_what_is_lost(generator, said)
    captions = [text] * count
    frames = (
        generator.lengths(captions, seed) if seconds is None else [_frames(seconds, space, generator)] * count
    )
    motions = generator.generate(captions, frames, seed)
    features = [space.statistics.denormalise(motion) for motion in motions]
    return GeneratedMotions(
        [joints_of(each_TD, space, decoding) for each_TD in features], space.skeleton, features
    )


@dataclass(frozen=True)
class Place:
    """What of a motion is to be made anew; one of the four.

    Args:
        span: from and to in seconds; None is the beginning and the end of the motion.
        after: what comes next.
        before: what came before.
        to_TD: the way to a second motion, given by its features, not normalised.
    """

    span: tuple[float | None, float | None] | None = None
    after: bool = False
    before: bool = False
    to_TD: np.ndarray | None = None

    def __post_init__(self) -> None:
        chosen = (self.span is not None) + self.after + self.before + (self.to_TD is not None)
        if chosen != 1:
            raise LampError(
                "say what to make: one of a span, what comes after, what came before, or a way to"
            )


@dataclass(frozen=True)
class EditedMotions:
    """Motions with a stretch made by the models.

    Args:
        given: the motions that were given, joints (T, J, 3) each, in the skeleton's unit: one, or two when
            the way from one to the other was made.
        joints: the edited motions, likewise.
        start: seconds to the stretch that was made.
        end: seconds to its end.
        skeleton: of the data set that the models were trained on.
        features: of the edited motions, (T, D) each, not normalised.
    """

    given: list[np.ndarray]
    joints: list[np.ndarray]
    start: float
    end: float
    skeleton: Skeleton
    features: Sequence[np.ndarray] = ()

    @property
    def given_in_time(self) -> list[np.ndarray]:
        """The given motions, at rest in their first frame until the edited ones have come to it."""
        first, *second = self.given
        waits = [max(0, len(self.joints[0]) - len(first)) if self.start == 0 else 0]
        waits += [round(self.end * self.skeleton.frames_per_second)] * len(second)
        return [
            np.concatenate([joints_TJ3[:1].repeat(frames, axis=0), joints_TJ3])
            for joints_TJ3, frames in zip(self.given, waits, strict=True)
        ]


def read_given(data: Path, path: Path, gate: Gate | None = None) -> np.ndarray:
    """Return features (T, D), not normalised, of a .npy (joints or features) or .bvh file; LampError as
    `read_features`."""
    return read_features(path, FeatureSpace.load(data / "features"), gate)


def clip_features(data: Path, name: str) -> np.ndarray:
    """Return features (T, D), not normalised, of a clip of the project's data set.

    Raises:
        LampError: there is no clip of this name, or the stage features has not run.
    """
    features, name = FeatureSet.load(data / "features"), composed(name)
    if name not in features.clips:
        near = ", ".join(difflib.get_close_matches(name, features.clips)) or ", ".join(features.clips[:3])
        raise LampError(f"there is no clip '{name}' in {features.dataset}; there are {near} ...")
    return features.features[features.clips.index(name)]


def edit(
    data: Path,
    given_TD: np.ndarray,
    place: Place,
    text: str | None = None,
    count: int = 1,
    seconds: float | None = None,
    seed: int = 0,
    model: str | None = None,
    decoding: Decoding = "bones",
    sampling: SamplingChange | None = None,
) -> EditedMotions:
    """Make a stretch of a motion anew, what follows it, what precedes it, or the way to another motion.

    Args:
        data: the project's data folder.
        given_TD: features, not normalised (`read_given`, `clip_features`).
        place: where the new stretch is.
        text: what the person does; without it the given motion alone decides.
        count: how many motions.
        seconds: length of the new stretch; without it a span keeps its length, and every other is as long
            as a motion of the text is estimated to be.
        seed: same seed, arguments and models, same motions.
        model: name of the one that completes motion, where several can; the first without it.
        decoding: see `generate`.
        sampling: see `generate`.

    Raises:
        LampError: a span outside of the motion, a length that the models cannot make, neither a length nor a
            text to estimate it from, or stages that have not run.
    """
    if text is not None:
        require_words(text, ", or leave it out")
    if count < 1:
        raise LampError(f"{count} motions asked for; at least 1")
    space = FeatureSpace.load(data / "features")
    completing: Completes = (sampling or SamplingChange()).of(loaded(data, COMPLETE, model))
    rate = space.skeleton.frames_per_second
    if text is not None:
        say_what_is_lost(completing, text)
    frames = None if seconds is None else _whole_frames(seconds, rate)
    if frames is None and place.span is None:
        frames = _estimated(data, completing, text, len(given_TD), seed)
    gap = gap_of(given_TD, place, frames, rate)
    motions = fill_gap(completing, space, gap, text, count, seed)
    given = [given_TD] if place.to_TD is None else [given_TD, place.to_TD]
    return EditedMotions(
        [joints_of(features_TD, space, decoding) for features_TD in given],
        [joints_of(motion.features_TD, space, decoding) for motion in motions],
        motions[0].start / rate,
        motions[0].end / rate,
        space.skeleton,
        [motion.features_TD for motion in motions],
    )


def gap_of(given_TD: np.ndarray, place: Place, frames: int | None, rate: float) -> Gap:
    """Return the stretch of a motion (T, D) that is to be made, as long as it is or ``frames`` long.

    Raises:
        LampError: it is none of the motion, or nothing says how long it is.
    """
    if place.span is not None:
        start, end = _span_frames(place.span, len(given_TD), rate)
        return Gap.within(given_TD, start, end, frames)
    if frames is None:
        raise LampError("give the length in seconds, or a text to estimate it from")
    if place.to_TD is not None:
        return Gap.between(given_TD, place.to_TD, frames)
    return Gap.behind(given_TD, frames) if place.after else Gap.in_front(given_TD, frames)


def _span_frames(span: tuple[float | None, float | None], frames: int, rate: float) -> tuple[int, int]:
    """First and last frame, the last not included, of a span in seconds."""
    last = frames / rate
    start, end = (
        round(min(edge, last + 1) * rate)
        for edge in (0.0 if span[0] is None else span[0], last if span[1] is None else span[1])
    )
    if end == frames + 1:  # the motion has a frame more than its features
        end = frames
    if not 0 <= start < end <= frames:
        shown = ":".join("" if edge is None else f"{edge:g}" for edge in span)
        raise LampError(f"the span {shown} is no stretch of the motion, which lasts {frames / rate:g} s")
    if end - start < DOWNSAMPLING:
        raise LampError(
            f"the span lasts {(end - start) / rate:g} s; at least {DOWNSAMPLING / rate:g} s can be made"
        )
    return start, end


def _estimated(data: Path, completing: Completes, text: str | None, given: int, seed: int) -> int | None:
    """Frames of a motion of the text; a quarter of the longest motion is left for what is given."""
    if text is None:
        return None
    estimating = completing if isinstance(completing, EstimatesLength) else loaded(data, GENERATE)
    longest = completing.longest_frames // DOWNSAMPLING
    kept = min(given // DOWNSAMPLING, longest // 4)
    return min(estimating.lengths([text], seed)[0], (longest - kept) * DOWNSAMPLING)


def joints_of(features_TD: np.ndarray, space: FeatureSpace, decoding: Decoding = "bones") -> np.ndarray:
    """Joints (T, J, 3), in the skeleton's unit, of features that are not normalised."""
    return decode_by(decoding, torch.tensor(features_TD), space.skeleton, space.reference_J3).numpy()


def _whole_frames(seconds: float, rate: float) -> int:
    if not math.isfinite(seconds * rate) or seconds <= 0:
        raise LampError(f"{seconds:g} s is no length; give seconds above 0")
    return round(seconds * rate)


def _frames(seconds: float, space: FeatureSpace, generator: Generates) -> int:
    rate = space.skeleton.frames_per_second
    longest = generator.longest_frames
    frames = _whole_frames(seconds, rate)
    if not DOWNSAMPLING <= frames <= longest:
        raise LampError(
            f"{seconds:g} s cannot be generated; between {DOWNSAMPLING / rate:g} and {longest / rate:g} s can"
        )
    return frames
