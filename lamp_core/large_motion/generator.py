"""A trained large motion model put to use: motions of texts, and one part of a motion anew.

Shapes: T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from dataclasses import dataclass

import numpy as np

from lamp_core.config.large_motion import LargeMotion
from lamp_core.errors import LampError
from lamp_core.motion_language.grammar import FREE
from lamp_core.motion_language.speaking import MotionSpeaker
from lamp_core.motion_language.tasks import TASKS
from lamp_core.tokenizers.clips import encode_clips

PARTS = ("body part", "grid part")
"""Kinds of channels that can be made anew by themselves."""


@dataclass(frozen=True)
class LargeMotionGenerator(MotionSpeaker):
    """The model with its tokenizer; ``lengths`` and ``generate`` are those of `MotionSpeaker`."""

    settings: LargeMotion

    stage = "large_motion"
    tokenizer_stage = "tokenizer_grid"
    section = LargeMotion

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that can be made anew; none where the tokenizer has none."""
        return tuple(channel.name for channel in self.tokenizer.channels if channel.kind in PARTS)

    def edit_part(
        self, part: str, text: str, motion_TD: np.ndarray, count: int, seed: int
    ) -> list[np.ndarray]:
        """Return ``count`` motions with one part made anew by a text; the codes of the others stay.

        Args:
            part: one of `parts`.
            text: what the person does.
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
        prompts = [self.words.prompt(TASKS["text-to-motion"], text)] * count
        return self._motions(prompts, [len(codes_SR)] * count, [forced_SR] * count, seed)

    def _check_part(self, part: str) -> None:
        if not self.parts:
            raise LampError(
                "the tokenizer has no parts: a motion token of it says the whole body; use one of kind lfq2d"
            )
        if part not in self.parts:
            raise LampError(f"no part '{part}'; known: {', '.join(self.parts)}")
