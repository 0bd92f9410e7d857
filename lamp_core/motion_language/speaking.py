"""A trained language model that speaks motion: lengths and motions of texts.

Shapes: N questions, T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol, Self, cast

import numpy as np
import torch

from lamp_core.config.base import Section
from lamp_core.datasets.items import pad
from lamp_core.errors import LampError
from lamp_core.features.checks import check_features
from lamp_core.lamp.prompt import losses_by
from lamp_core.motion_language.decoding import Sampling, answer, choose, length_distribution
from lamp_core.motion_language.folder import Speaker, load_speaker
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.layout import layout_of
from lamp_core.motion_language.tasks import TASKS
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import Segment
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.model_files import read_settings
from lamp_core.training.seeds import seed_everything

ANSWERED_TOGETHER = 32


class Drawn(Protocol):
    """How motions are drawn."""

    @property
    def temperature(self) -> float:
        """Of the distribution."""

    @property
    def top_p(self) -> float:
        """Share of the likeliest codes."""

    @property
    def guidance(self) -> float:
        """How closely the text is followed."""


@dataclass(frozen=True)
class MotionSpeaker:
    """The model with all that it needs between texts and normalised features.

    Args:
        speaker: trained.
        words: its instructions.
        tokenizer: motions to codes and back.
        settings: section of the parameters.
        sampling: how motions are drawn.

    A model says which stage trains it, on the tokens of which other stage, and by which section.
    """

    speaker: Speaker
    words: MotionWords
    tokenizer: MotionTokenizer
    settings: Drawn
    sampling: Sampling

    stage: ClassVar[str]
    tokenizer_stage: ClassVar[str] = "tokenizer"
    section: ClassVar[type[Section]]

    @classmethod
    def load(cls, data: Path, device: torch.device | None = None) -> Self:
        """Load the trained model below a project's data folder.

        Raises:
            LampError: a stage before it has not run, or the tokenizer or the prompts are others than it was
                trained with.
        """
        device, folder = device or torch.device("cpu"), data / cls.stage
        speaker = load_speaker(folder, device)
        tokenizer = load_tokenizer(data / cls.tokenizer_stage)
        speaker.vocabulary.check_tokenizer(tokenizer, str(folder))
        settings = cast(Drawn, read_settings(folder, cls.section, speaker.origin.settings))
        said = tokenizer.leading(len(speaker.vocabulary.channels))
        sampling = Sampling(settings.temperature, settings.top_p, guidance=settings.guidance)
        return cls(speaker, speaker.words(), said.to(device), settings, sampling)

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion."""
        return self.speaker.vocabulary.max_tokens * self.tokenizer.downsampling

    @property
    def skeleton(self) -> str:
        """Name of the joints that it was trained on."""
        return self.speaker.origin.skeleton

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the language model does not know or does not read."""
        most = self.words.max_text_tokens - 1
        return losses_by(self.speaker.base.tokenizer, f" {prompt.strip()}", most, with_ends=False)

    def lengths(self, texts: Sequence[str], seed: int) -> list[int]:
        """Return the frames of a motion of each text, drawn as likely as the model says."""
        language, found = self.speaker.base.model, []
        for start in range(0, len(texts), ANSWERED_TOGETHER):
            some = texts[start : start + ANSWERED_TOGETHER]
            asked = [[*self.prompt(text), self.words.motion_begins()] for text in some]
            self._check_room(asked, [0] * len(asked))
            shares_BS = length_distribution(language, asked, self.speaker.vocabulary, self.words.padding)
            draws = [np.random.default_rng([seed, start + row]).random() for row in range(len(some))]
            everything = torch.ones_like(shares_BS, dtype=torch.bool)
            found += choose(shares_BS.log(), everything, Sampling(1.0, 1.0), np.array(draws)).tolist()
        return [(tokens + 1) * self.tokenizer.downsampling for tokens in found]

    def generate(self, texts: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """Return normalised motions (T, D) of texts at the given lengths, in whole tokens."""
        prompts, untold = list(map(self.prompt, texts)), [self.untold] * len(texts)
        return self._features(self._motions(prompts, self._tokens(frames), None, seed, untold))

    def prompt(self, text: str) -> list[Segment]:
        """The instruction for a motion of a text, up to where its answer begins."""
        return self.words.prompt(TASKS["text-to-motion"], text)

    @property
    def untold(self) -> list[Segment]:
        """The same instruction without a text."""
        return self.words.prompt(TASKS["text-to-motion"], "")

    def untrained(self, seed: int) -> Self:
        """The same with random weights."""
        seed_everything(seed)
        base = self.speaker.base
        random = type(base.model)(base.model.config).eval().requires_grad_(False)
        random = random.to(next(base.model.parameters()).device)
        return replace(self, speaker=replace(self.speaker, base=replace(base, model=random)))

    def check(self, motion_TD: np.ndarray) -> None:
        """Raise LampError for a motion that is none of the skeleton, shorter than a token, or not finite."""
        width, shortest = self.tokenizer.feature_count, self.tokenizer.downsampling
        check_features(motion_TD, width, shortest, self.skeleton, "the model", "the motion")

    def _motions(
        self,
        prompts: Sequence[list[Segment]],
        lengths: Sequence[int],
        forced: Sequence[np.ndarray] | None,
        seed: int,
        untold: Sequence[list[Segment]] = (),
    ) -> list[np.ndarray]:
        """Codes (S, R) of the answers, in batches of similar length; ``untold`` as in `answer`."""
        how = replace(self.sampling, seed=seed)
        found: dict[int, np.ndarray] = {}
        order = sorted(range(len(prompts)), key=lambda place: (lengths[place], length(prompts[place])))
        for start in range(0, len(order), ANSWERED_TOGETHER):
            some = order[start : start + ANSWERED_TOGETHER]
            grammar = MotionGrammar(
                self.speaker.vocabulary,
                [lengths[place] for place in some],
                [forced[place] for place in some] if forced else None,
            )
            asked = [prompts[place] for place in some]
            self._check_room(asked, [self._words_of(lengths[place]) for place in some])
            without = [untold[place] for place in some] if untold else []
            said = answer(self.speaker.base.model, asked, grammar, self.words.padding, how, some, without)
            found |= zip(some, map(self.words.codes, said), strict=True)
        return [found[place] for place in range(len(prompts))]

    @torch.no_grad()
    def _features(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Normalised features (T, D) of codes."""
        device = next(self.tokenizer.parameters()).device
        found: list[np.ndarray] = []
        for start in range(0, len(codes), ANSWERED_TOGETHER):
            codes_BSR, lengths_B = pad(codes[start : start + ANSWERED_TOGETHER])
            features_BTD = self.tokenizer.decode(codes_BSR.to(device), lengths_B.to(device)).cpu().numpy()
            frames = (lengths_B * self.tokenizer.downsampling).tolist()
            found += [made_TD[:count].copy() for made_TD, count in zip(features_BTD, frames, strict=True)]
        return found

    def _tokens(self, frames: Sequence[int]) -> list[int]:
        """Motion tokens of some lengths, one at least and at most the longest."""
        rate, most = self.tokenizer.downsampling, self.speaker.vocabulary.max_tokens
        return [min(max(count // rate, 1), most) for count in frames]

    def _words_of(self, tokens: int) -> int:
        """How many words a motion of so many tokens is."""
        return 1 + len(layout_of(self.speaker.vocabulary, tokens).words_P)

    def _check_room(self, prompts: Sequence[Sequence[Segment]], answers: Sequence[int]) -> None:
        """Raise LampError where an instruction and its own answer are more words than there are positions."""
        longest = max(length(asked) + words for asked, words in zip(prompts, answers, strict=True))
        positions = self.speaker.positions
        if positions is not None and longest > positions:
            raise LampError(
                f"instruction and answer take {longest} words, the language model has {positions}; shorten "
                "the text or the motion"
            )
