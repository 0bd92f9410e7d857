"""A trained large motion model put to use: motions of texts and of captions of parts, and one part of a
motion anew.

Shapes: T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from lamp_core.config.large_motion import LargeMotion
from lamp_core.errors import LampError
from lamp_core.large_motion.start import TASK
from lamp_core.motion_language.layout import FREE
from lamp_core.motion_language.speaking import MotionSpeaker
from lamp_core.segments import Segment
from lamp_core.tokenizers.clips import encode_clips

PARTS = ("body part", "grid part")
"""Kinds of channels that can be made anew by themselves."""


@dataclass(frozen=True)
class LargeMotionGenerator(MotionSpeaker):
    """The model with its tokenizer; ``lengths`` and ``generate`` are those of `MotionSpeaker`.

    Args:
        of_parts: what parts of the body do in the motions that are made, by their names.
    """

    settings: LargeMotion
    of_parts: Mapping[str, str] = field(default_factory=dict)

    stage = "large_motion"
    tokenizer_stage = "tokenizer_grid"
    section = LargeMotion

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that can be made anew; none where the tokenizer has none."""
        return tuple(channel.name for channel in self.tokenizer.channels if channel.kind in PARTS)

    @property
    def told_parts(self) -> tuple[str, ...]:
        """Names of the parts whose captions it was trained on; none where it was on none."""
        return tuple(self.speaker.origin.parts)

    def telling(self, of_parts: Mapping[str, str]) -> Self:
        """The same, whose motions do what is said of parts of the body too.

        Raises:
            LampError: it was trained on no captions of parts, or on none of one of these.
        """
        for part in of_parts:
            _check_told(part, self.told_parts)
        return replace(self, of_parts=dict(of_parts))

    def prompt(self, text: str) -> list[Segment]:
        """The instruction for a motion of a text, and of what parts do, up to where its answer begins."""
        return self.words.prompt(TASK, text, of_parts=self.of_parts)

    def for_parts(self, guidance: float | None) -> Self:
        """The same with this guidance, ``large_motion.part_guidance`` without one."""
        followed = self.settings.part_guidance if guidance is None else guidance
        return replace(self, sampling=replace(self.sampling, guidance=followed))

    def edit_part(
        self, part: str, text: str, motion_TD: np.ndarray, count: int, seed: int
    ) -> list[np.ndarray]:
        """Return ``count`` motions with one part made anew by a text; the codes of the others stay.

        Args:
            part: one of `parts`.
            text: what the part does, where the model was trained on captions of it; else what the person
                does.
            motion_TD: normalised features.
            count: motions to make.
            seed: same seed and arguments, same motions.

        Raises:
            LampError: there is no such part, or the motion is too short, too long, or of another skeleton.
        """
        return self._features(self.edited_codes(part, text, motion_TD, count, seed))

    def edited_codes(
        self, part: str, text: str, motion_TD: np.ndarray, count: int, seed: int
    ) -> list[np.ndarray]:
        """Return the codes (S, R) of `edit_part`; those of the other channels are the given motion's."""
        self._check_part(part)
        self.check(motion_TD)
        if len(motion_TD) > self.longest_frames:
            raise LampError(
                f"the motion has {len(motion_TD)} frames, the model reads {self.longest_frames}; cut it first"
            )
        (codes_SR,) = encode_clips(self.tokenizer, [np.asarray(motion_TD, dtype=np.float32)])
        forced_SR = codes_SR.copy()
        forced_SR[:, [channel.name for channel in self.tokenizer.channels].index(part)] = FREE
        is_told = part in self.told_parts
        prompt = self.words.prompt(TASK, None, of_parts={part: text}) if is_told else self.prompt(text)
        lengths, untold = [len(codes_SR)] * count, [self.untold] * count
        return self._motions([prompt] * count, lengths, [forced_SR] * count, seed, untold)

    def _check_part(self, part: str) -> None:
        if not self.parts:
            raise LampError(
                "the tokenizer has no parts: a motion token of it says the whole body; use one of kind lfq2d"
            )
        if part not in self.parts:
            raise LampError(f"no part '{part}'; known: {', '.join(self.parts)}")


def _check_told(part: str, known: tuple[str, ...]) -> None:
    if not known:
        raise LampError(
            "the large motion model was not trained on captions of parts; set "
            "large_motion.part_captions.share above 0 and run `lamp run --until large_motion`"
        )
    if part not in known:
        raise LampError(
            f"the large motion model was trained on no captions of a part '{part}'; known: {', '.join(known)}"
        )
