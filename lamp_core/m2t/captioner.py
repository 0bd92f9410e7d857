"""Motions to captions with the trained models of a project.

Shapes: T frames, D feature numbers a frame, S motion tokens, C code width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.errors import LampError
from lamp_core.features.checks import check_features
from lamp_core.lamp.folder import load_lamp
from lamp_core.m2t.attention import WordAttention, word_attention
from lamp_core.m2t.decoding import Search, search_captions
from lamp_core.m2t.folder import STAGE, load_m2t, read_m2t_config
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.motions import Motions
from lamp_core.tokenizers.binding import check_bound
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer

OnProgress = Callable[[int, int, str], None]

BATCH_MOTIONS = 64


@dataclass(frozen=True)
class Captioner:
    """LaMP-M2T with all that it needs between normalised features and a sentence.

    Args:
        model: motion transformer, projection and language model.
        tokenizer: gives the latents of a motion.
        skeleton: name of the joints that it was trained on.
        frames_per_second: of its motions.
    """

    model: MotionCaptioner
    tokenizer: MotionTokenizer
    skeleton: str
    frames_per_second: float

    @classmethod
    def load(cls, data: Path, device: torch.device | None = None) -> "Captioner":
        """Load the trained models below a project's data folder.

        Raises:
            LampError: a stage before it has not run, or the language model or the tokenizer is another one
                than it was trained with.
        """
        device = device or torch.device("cpu")
        config = read_m2t_config(data / STAGE)
        lamp, _ = load_lamp(data / "pretrain")
        tokenizer = load_tokenizer(data / "tokenizer")
        check_bound(data / STAGE, tokenizer)
        return cls(
            load_m2t(data, lamp, device),
            tokenizer.to(device),
            config["skeleton"],
            config["frames_per_second"],
        )

    @property
    def feature_count(self) -> int:
        """D."""
        return self.tokenizer.feature_count

    @property
    def shortest_frames(self) -> int:
        """Frames of the shortest motion: those of one token."""
        return DOWNSAMPLING

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that is read whole."""
        return self.model.lamp.shape.max_tokens * DOWNSAMPLING

    @property
    def search(self) -> Search:
        """The search of the configuration."""
        return Search.of(self.model.settings.search)

    def check(self, motion_TD: np.ndarray, name: str = "the motion") -> None:
        """Raise for a motion that cannot be captioned as a whole.

        Raises:
            LampError: it is shorter than a token, longer than the longest, of another skeleton, or not
                finite.
        """
        self._check_form(motion_TD, name)
        if len(motion_TD) > self.longest_frames:
            rate = self.frames_per_second
            raise LampError(
                f"{name} lasts {len(motion_TD) / rate:.1f} s; one caption is for at most "
                f"{self.longest_frames / rate:.1f} s, `--windows` captions it part by part"
            )

    def captions(
        self,
        motions: Sequence[np.ndarray],
        search: Search | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """Return a caption of each motion, in batches of similar length.

        Args:
            motions: normalised features (T, D); of a longer one than `longest_frames` the beginning counts,
                as in training (`check` refuses it).
            search: how a caption is found; that of the configuration without it.
            on_progress: called with (motions done, of all, text).

        Raises:
            LampError: a motion is shorter than a token, of another skeleton, or not finite.
        """
        for number, motion_TD in enumerate(motions):
            self._check_form(motion_TD, f"motion {number}" if len(motions) > 1 else "the motion")
        if not len(motions):
            return []
        latents = latents_of_clips(self.tokenizer, [self._cut(motion_TD) for motion_TD in motions])
        read = Motions.read(self.model, latents)
        order = np.argsort([len(motion_TD) for motion_TD in motions], kind="stable")
        found: dict[int, str] = {}
        for start in range(0, len(order), BATCH_MOTIONS):
            batch = order[start : start + BATCH_MOTIONS]
            made = search_captions(self.model, read.states(batch), search or self.search)
            found |= zip(batch, made, strict=True)
            if on_progress:
                on_progress(len(found), len(motions), "captions")
        return [found[number] for number in range(len(motions))]

    def explain(self, motion_TD: np.ndarray, caption: str) -> WordAttention:
        """Return how much each word of a caption looks at each frame.

        Args:
            motion_TD: normalised features; frames behind the longest, or behind the last token, get nothing.
            caption: of this motion, or any other sentence.

        Raises:
            LampError: as `captions`, or the caption has no word.
        """
        self._check_form(motion_TD, "the motion")
        (latents_SC,) = latents_of_clips(self.tokenizer, [self._cut(motion_TD)])
        return word_attention(self.model, latents_SC, caption, len(motion_TD))

    def _cut(self, motion_TD: np.ndarray) -> np.ndarray:
        return np.asarray(motion_TD[: self.longest_frames], dtype=np.float32)

    def _check_form(self, motion_TD: np.ndarray, name: str) -> None:
        check_features(
            motion_TD, self.feature_count, self.shortest_frames, self.skeleton, "the captioner", name
        )


def load_captioner(data: Path, device: torch.device | None = None) -> Captioner:
    """As `Captioner.load`."""
    return Captioner.load(data, device)
