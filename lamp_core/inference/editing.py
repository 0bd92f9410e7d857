"""Editing with a model that completes motion: a gap in given motion is filled.

In-betweening, prediction, what comes before, another end, another beginning and a stretch under a new text
are all the same: motion that stays before the gap, motion that stays behind it, and movements of four frames
between them that the model has to make (LaMP, section 3.5).

What stays comes back as it was, frame by frame, not as the model would reconstruct it; the new frames are led
over to it (`lamp_core.features.seam`). Where a stretch within a motion is made anew without a text, what is
behind it keeps its place and heading too (`lamp_core.features.anchor`); with a text it may lead elsewhere.

Shapes: B motions, T frames, F frames of the gap, D feature numbers a frame, S motion tokens.
"""

import math
from dataclasses import dataclass

import numpy as np

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.features.anchor import Way
from lamp_core.features.seam import BORDER, lead_over
from lamp_core.systems.capabilities import Completes


@dataclass(frozen=True, eq=False)
class Gap:
    """A stretch to generate, and the motion around it that stays.

    Args:
        before_TD: features in front of the gap, not normalised; empty, or at least one token long.
        frames: length of the gap, at least one token; a multiple of four between two stretches that stay.
        after_TD: features behind it; as those in front.
        way: where what stays behind is, as seen from the gap's first frame; None where nothing says so.
    """

    before_TD: np.ndarray
    frames: int
    after_TD: np.ndarray
    way: Way | None = None

    @property
    def tokens(self) -> int:
        """Tokens of the gap; what they hold beyond its frames is cut off at its free end."""
        return -(-self.frames // DOWNSAMPLING)

    @classmethod
    def within(cls, features_TD: np.ndarray, start: int, end: int, frames: int | None = None) -> "Gap":
        """The frames from ``start`` to ``end`` (not included) anew.

        Between two stretches that stay, the end moves to a whole number of tokens, by up to three frames: on,
        or back where less than a token would stay behind it.

        Args:
            features_TD: the whole motion.
            start: first frame that goes.
            end: first frame that stays again.
            frames: length of the new stretch; as long as the old one without it.
        """
        if start == 0 or end == len(features_TD):
            return cls(features_TD[:start], frames or end - start, features_TD[end:])
        later = start + _whole_tokens(end - start)
        earlier = end - (end - start) % DOWNSAMPLING
        end = later if later + DOWNSAMPLING <= len(features_TD) else earlier
        frames = _whole_tokens(frames or end - start)
        return cls(features_TD[:start], frames, features_TD[end:], Way.of(features_TD[start:end]))

    @classmethod
    def behind(cls, features_TD: np.ndarray, frames: int) -> "Gap":
        """What comes next."""
        return cls(features_TD, frames, features_TD[:0])

    @classmethod
    def in_front(cls, features_TD: np.ndarray, frames: int) -> "Gap":
        """What came before."""
        return cls(features_TD[:0], frames, features_TD)

    @classmethod
    def between(cls, first_TD: np.ndarray, second_TD: np.ndarray, frames: int) -> "Gap":
        """The way from one motion to another."""
        return cls(first_TD, _whole_tokens(frames), second_TD)


@dataclass(frozen=True, eq=False)
class Edited:
    """A motion with a filled gap.

    Args:
        features_TD: not normalised.
        start: first frame of the gap.
        end: first frame behind it.
    """

    features_TD: np.ndarray
    start: int
    end: int


def fill_gap(
    model: Completes,
    space: FeatureSpace,
    gap: Gap,
    text: str | None = None,
    count: int = 1,
    seed: int = 0,
) -> list[Edited]:
    """Fill a gap several times over; outside of it the motion is the given one, number by number.

    Motion that does not fit into the model's longest one stays all the same; it is not looked at.

    Args:
        model: that completes motion.
        space: skeleton and statistics of the features.
        gap: what is given, and how much is to be made.
        text: what the person does; without it the given motion alone decides.
        count: motions to make.
        seed: same seed and arguments, same motions.

    Raises:
        LampError: the gap is too long for the models, or too little motion is given.
    """
    longest = model.longest_frames // DOWNSAMPLING
    before, after = _context(gap, longest, space.skeleton.frames_per_second)
    seen = (gap.before_TD[len(gap.before_TD) - before * DOWNSAMPLING :], gap.after_TD[: after * DOWNSAMPLING])
    in_front_TD, behind_TD = (
        np.asarray(space.statistics.normalise(features_TD), dtype=np.float32) for features_TD in seen
    )
    filled = model.fill(in_front_TD, gap.tokens * DOWNSAMPLING, behind_TD, text, count, seed)
    start = before * DOWNSAMPLING
    way = None if text else gap.way
    return [_assemble(gap, space.statistics.denormalise(made_TD), start, way) for made_TD in filled]


def _context(gap: Gap, longest: int, rate: float) -> tuple[int, int]:
    """Tokens in front of the gap and behind it that the model gets to see."""
    token = DOWNSAMPLING / rate
    if gap.frames < DOWNSAMPLING:
        raise LampError(f"{gap.frames / rate:g} s are too short to be made; at least {token:g} s can be")
    before, after = len(gap.before_TD) // DOWNSAMPLING, len(gap.after_TD) // DOWNSAMPLING
    for kept_TD, tokens in ((gap.before_TD, before), (gap.after_TD, after)):
        if len(kept_TD) and not tokens:
            raise LampError(
                f"only {len(kept_TD) / rate:g} s would stay at one end; let {token:g} s stay, or nothing"
            )
    if not before + after:
        raise LampError("nothing of the motion would stay; `lamp generate` makes motion from a text alone")
    room = longest - gap.tokens
    ends = (before > 0) + (after > 0)
    if room < ends:
        raise LampError(
            f"{gap.frames / rate:g} s are too long to be made; up to {(longest - ends) * token:g} s can be"
        )
    before_seen = min(before, max(room - after, math.ceil(room / 2)))
    return before_seen, min(after, room - before_seen)


def _assemble(gap: Gap, decoded_TD: np.ndarray, start: int, way: Way | None) -> Edited:
    """Put the new frames between the given ones, led over at both borders, and the way where there is one."""
    end = start + gap.tokens * DOWNSAMPLING
    before, after = slice(start - BORDER, start), slice(end, end + BORDER)
    new_FD = lead_over(
        decoded_TD[start:end],
        (gap.before_TD[-BORDER:], decoded_TD[before]) if len(gap.before_TD) else None,
        (gap.after_TD[:BORDER], decoded_TD[after]) if len(gap.after_TD) else None,
    )
    new_FD = new_FD[: gap.frames] if len(gap.before_TD) else new_FD[len(new_FD) - gap.frames :]
    new_FD = way.lead(new_FD) if way else new_FD
    features_TD = np.concatenate([gap.before_TD, new_FD, gap.after_TD]).astype(np.float32)
    return Edited(features_TD, len(gap.before_TD), len(gap.before_TD) + gap.frames)


def _whole_tokens(frames: int) -> int:
    return -(-frames // DOWNSAMPLING) * DOWNSAMPLING
