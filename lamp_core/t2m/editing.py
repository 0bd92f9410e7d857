"""Editing with the masked motion transformer: a gap in given motion is filled.

In-betweening, prediction, what comes before, another end, another beginning and a stretch under a new text
are all the same: motion that stays before the gap, motion that stays behind it, and tokens between them that
the transformer has to draw (section 3.5), the tokens of what stays being given.

What stays comes back as it was, frame by frame, not as the tokenizer would reconstruct it; the new frames are
led over to it (`lamp_core.t2m.seam`).

Shapes: B motions, T frames, F frames of the gap, D feature numbers a frame, S motion tokens.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.seam import BORDER, lead_over
from lamp_core.tokenizers.protocol import as_first_channel, first_channel


@dataclass(frozen=True, eq=False)
class Gap:
    """A stretch to generate, and the motion around it that stays.

    Args:
        before_TD: features in front of the gap, not normalised; empty, or at least one token long.
        frames: length of the gap, at least one token; a multiple of four between two stretches that stay.
        after_TD: features behind it; as those in front.
    """

    before_TD: np.ndarray
    frames: int
    after_TD: np.ndarray

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
        if start > 0 and end < len(features_TD):
            later = start + _whole_tokens(end - start)
            earlier = end - (end - start) % DOWNSAMPLING
            end = later if later + DOWNSAMPLING <= len(features_TD) else earlier
        if frames is None:
            frames = end - start
        elif start > 0 and end < len(features_TD):
            frames = _whole_tokens(frames)
        return cls(features_TD[:start], frames, features_TD[end:])

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
    generator: MotionGenerator,
    space: FeatureSpace,
    gap: Gap,
    text: str | None = None,
    count: int = 1,
    seed: int = 0,
) -> list[Edited]:
    """Fill a gap several times over; outside of it the motion is the given one, number by number.

    Motion that does not fit into the transformer's longest one stays all the same; it is not looked at.

    Args:
        generator: trained models.
        space: skeleton and statistics of the features.
        gap: what is given, and how much is to be made.
        text: what the person does; without it the given motion alone decides.
        count: motions to make.
        seed: same seed and arguments, same motions.

    Raises:
        LampError: the gap is too long for the models, or too little motion is given.
    """
    before, after = _context(gap, generator.transformer.max_tokens, space.skeleton.frames_per_second)
    given_S = torch.cat(
        [
            _tokens(generator, space, gap.before_TD[len(gap.before_TD) - before * DOWNSAMPLING :]),
            torch.full((gap.tokens,), generator.transformer.mask_token),
            _tokens(generator, space, gap.after_TD[: after * DOWNSAMPLING]),
        ]
    )
    codes_BS = generator.fill(given_S, text, count, seed)
    with torch.no_grad():
        decoded_BTD = generator.tokenizer.decode(as_first_channel(codes_BS)).cpu().numpy()
    start = before * DOWNSAMPLING
    return [_assemble(gap, space.statistics.denormalise(made_TD), start) for made_TD in decoded_BTD]


def _context(gap: Gap, longest: int, rate: float) -> tuple[int, int]:
    """Tokens in front of the gap and behind it that the transformer gets to see."""
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


def _tokens(generator: MotionGenerator, space: FeatureSpace, features_TD: np.ndarray) -> torch.Tensor:
    """Codes (S,) of motion that stays; read alone, so that they know nothing of what was in the gap."""
    if not len(features_TD):
        return torch.zeros(0, dtype=torch.long)
    normalised_TD = torch.from_numpy(np.asarray(space.statistics.normalise(features_TD), dtype=np.float32))
    with torch.no_grad():
        codes_1SR = generator.tokenizer.encode(normalised_TD[None].to(generator.features.device))
    return first_channel(codes_1SR)[0].cpu()


def _assemble(gap: Gap, decoded_TD: np.ndarray, start: int) -> Edited:
    """Put the new frames between the given ones, led over at both borders."""
    end = start + gap.tokens * DOWNSAMPLING
    before, after = slice(start - BORDER, start), slice(end, end + BORDER)
    new_FD = lead_over(
        decoded_TD[start:end],
        (gap.before_TD[-BORDER:], decoded_TD[before]) if len(gap.before_TD) else None,
        (gap.after_TD[:BORDER], decoded_TD[after]) if len(gap.after_TD) else None,
    )
    new_FD = new_FD[: gap.frames] if len(gap.before_TD) else new_FD[len(new_FD) - gap.frames :]
    features_TD = np.concatenate([gap.before_TD, new_FD, gap.after_TD]).astype(np.float32)
    return Edited(features_TD, len(gap.before_TD), len(gap.before_TD) + gap.frames)


def _whole_tokens(frames: int) -> int:
    return -(-frames // DOWNSAMPLING) * DOWNSAMPLING
