"""A trained motion language model put to use: motions of texts and poses, captions, completions.

Shapes: N questions, T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from lamp_core.config.motion_language import Instruction
from lamp_core.errors import LampError
from lamp_core.features.interpolation import interpolated
from lamp_core.features.seam import led_over
from lamp_core.m2t.decoding import Search, generation_config
from lamp_core.motion_language.choosing import surprise
from lamp_core.motion_language.grammar import TextGrammar, logits_processor
from lamp_core.motion_language.layout import FREE
from lamp_core.motion_language.speaking import ANSWERED_TOGETHER, MotionSpeaker
from lamp_core.motion_language.tasks import TASKS, Task
from lamp_core.motion_language.words import length
from lamp_core.segments import Segment, collate
from lamp_core.systems.capabilities import OnProgress
from lamp_core.tokenizers.clips import encode_clips


@dataclass(frozen=True)
class MotionAssistant(MotionSpeaker):
    """An instruction-tuned model with all that it needs between features, texts and its answers."""

    settings: Instruction

    stage = "instruction"
    section = Instruction

    def control(
        self,
        texts: Sequence[str],
        motions: Sequence[np.ndarray],
        given: Sequence[np.ndarray],
        seed: int,
        forced: bool | None = None,
    ) -> list[np.ndarray]:
        """Return a motion of each text that passes through poses; those as the model makes them.

        Of ``pose_draws`` answers that one is taken in which the model finds the given codes likeliest, and
        the caption too where ``reads_caption_back`` is on; of ``text_draws`` where nothing is given, as in
        `generate`.

        Args:
            texts: one a motion.
            motions: normalised features (T, D), of which the length and the given frames are looked at.
            given: which frames are given, bool (T,), in whole tokens; none gives a motion of the text alone.
            seed: same seed and arguments, same motions.
            forced: whether the codes of the poses are put at their places; by the settings without it.
        """
        codes = self._known_codes(motions, given)
        told = [given_T[:: self.tokenizer.downsampling] for given_T in given]
        prompts = [
            self.words.prompt(control_task(given_S), text, codes_SR, given_S)
            for text, codes_SR, given_S in zip(texts, codes, told, strict=True)
        ]
        is_forced = self.settings.force_poses if forced is None else forced
        has_poses = any(given_S.any() for given_S in told)
        draws = self.settings.pose_draws if has_poses else self.settings.text_draws
        put = [_forced(*each) for each in zip(codes, told, strict=True)] * draws if is_forced else None
        untold = [
            self.words.prompt(control_task(given_S), "", codes_SR, given_S)
            for codes_SR, given_S in zip(codes, told, strict=True)
        ]
        lengths = [len(codes_SR) for codes_SR in codes]
        drawn = self._motions(prompts * draws, lengths * draws, put, seed, untold * draws)

        def surprise_N() -> np.ndarray:
            total_N = np.zeros(len(drawn))
            if has_poses:
                total_N += self._surprise_of_given(prompts, drawn, codes, told)
            if not has_poses or self._reads_back:
                total_N += self._surprise_of_texts(texts, drawn)
            return total_N

        return self._features(_likeliest(drawn, len(prompts), surprise_N))

    def generate(self, texts: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """Return normalised motions (T, D) of texts at the given lengths, in whole tokens.

        Of ``text_draws`` answers that one is taken of which the model finds the text the likeliest caption.
        """
        prompts, draws = list(map(self.prompt, texts)), self.settings.text_draws
        untold = [self.untold] * len(prompts) * draws
        drawn = self._motions(prompts * draws, self._tokens(frames) * draws, None, seed, untold)
        return self._features(_likeliest(drawn, len(prompts), lambda: self._surprise_of_texts(texts, drawn)))

    @property
    def chooses_poses(self) -> bool:
        """Whether it draws several answers where poses are given."""
        return self.settings.pose_draws > 1

    def answering_once(self) -> Self:
        """Return the same, which takes the first answer where poses are given."""
        return replace(self, settings=self.settings.model_copy(update={"pose_draws": 1}))

    @property
    def _reads_back(self) -> bool:
        return self.settings.reads_caption_back

    def _surprise_of_texts(self, texts: Sequence[str], drawn: Sequence[np.ndarray]) -> np.ndarray:
        """Minus the log likelihood (N,) of a text as the caption of each motion (S, R) that was drawn for it,
        all texts' first ones first."""
        task = TASKS["captioning"]
        asked = [
            self.words.example(task, texts[place % len(texts)], each, np.ones(len(each), dtype=bool))
            for place, each in enumerate(drawn)
        ]
        return self._surprise(asked)

    def _surprise_of_given(
        self,
        prompts: Sequence[list[Segment]],
        drawn: Sequence[np.ndarray],
        codes: Sequence[np.ndarray],
        told: Sequence[np.ndarray],
    ) -> np.ndarray:
        """Minus the log likelihood (N,) of the given codes behind what stands before them in each motion."""
        count = len(prompts)
        asked = [
            [
                *prompts[place % count],
                *self.words.weighed(
                    np.where(told[place % count][:, None], codes[place % count], drawn_SR),
                    told[place % count],
                ),
            ]
            for place, drawn_SR in enumerate(drawn)
        ]
        return self._surprise(asked)

    def _surprise(self, asked: Sequence[list[Segment]]) -> np.ndarray:
        self._check_room(asked, [0] * len(asked))
        return surprise(self.speaker.base.model, asked, self.words.padding)

    def complete(
        self, texts: Sequence[str], motions: Sequence[np.ndarray], given: Sequence[np.ndarray], seed: int
    ) -> list[np.ndarray]:
        """Return motions with the frames that are not given made anew, as `Completes.complete`.

        What is given decides alone: the tasks of completion read no text (MotionGPT-2, Table X).
        """
        codes = self._known_codes(motions, given)
        made = self._features(self._completed(codes, given, seed))
        return [
            led_over(true_TD, made_TD[: len(true_TD)], given_T)
            for true_TD, made_TD, given_T in zip(motions, made, given, strict=True)
        ]

    def fill(
        self,
        before_TD: np.ndarray,
        frames: int,
        after_TD: np.ndarray,
        text: str | None,
        count: int,
        seed: int,
    ) -> list[np.ndarray]:
        """Return ``count`` motions of a stretch in front, new frames, and a stretch behind.

        Raises:
            LampError: a text is given, or no motion, or more than the longest.
        """
        if text:
            raise LampError(
                "this model completes by the given motion alone; leave the text out, or use LaMP-T2M"
            )
        new_FD = np.zeros((frames, self.tokenizer.feature_count), dtype=np.float32)
        whole_TD = np.concatenate([before_TD, new_FD, after_TD]).astype(np.float32)
        given_T = np.ones(len(whole_TD), dtype=bool)
        given_T[len(before_TD) : len(before_TD) + frames] = False
        codes = self._known_codes([whole_TD], [given_T]) * count
        return self._features(self._completed(codes, [given_T] * count, seed))

    def captions(
        self,
        motions: Sequence[np.ndarray],
        search: Search | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """Return a caption of each motion (T, D); of a longer one than the longest the beginning counts.

        Raises:
            LampError: a motion is shorter than a token, of another skeleton, or not finite.
        """
        for motion_TD in motions:
            self.check(motion_TD)
        cut = [np.asarray(motion_TD[: self.longest_frames], dtype=np.float32) for motion_TD in motions]
        codes = encode_clips(self.tokenizer, cut) if cut else []
        task = TASKS["captioning"]
        prompts = [self.words.prompt(task, None, each, np.ones(len(each), dtype=bool)) for each in codes]
        how, found = search or Search.of(self.settings.search), dict[int, str]()
        order = sorted(range(len(prompts)), key=lambda place: length(prompts[place]))
        for start in range(0, len(order), ANSWERED_TOGETHER):
            some = order[start : start + ANSWERED_TOGETHER]
            found |= zip(some, self._searched([prompts[place] for place in some], how), strict=True)
            if on_progress:
                on_progress(len(found), len(order), "captions")
        return [found[place] for place in range(len(prompts))]

    def _completed(
        self, codes: Sequence[np.ndarray], given: Sequence[np.ndarray], seed: int
    ) -> list[np.ndarray]:
        """Codes of whole motions, those that are given as they are."""
        told = [given_T[:: self.tokenizer.downsampling] for given_T in given]
        tasks = [completion_task(given_S) for given_S in told]
        prompts = [
            self.words.prompt(task, None, codes_SR, given_S)
            for task, codes_SR, given_S in zip(tasks, codes, told, strict=True)
        ]
        forced = [_forced(*each) for each in zip(codes, told, strict=True)]
        draws = self.settings.completion_draws if any(map(_leads_to_given, told)) else 1
        lengths = [len(codes_SR) for codes_SR in codes]
        drawn = self._motions(prompts * draws, lengths * draws, forced * draws, seed)
        return _likeliest(drawn, len(prompts), lambda: self._surprise_of_given(prompts, drawn, codes, told))

    def _searched(self, prompts: Sequence[list[Segment]], search: Search) -> list[str]:
        """Texts of a batch, by beams or drawn."""
        words, device = self.words, next(self.speaker.base.model.parameters()).device
        batch = collate(prompts, words.padding, side="left").to(device)
        most = min(search.max_text_tokens or words.max_text_tokens, words.max_text_tokens)
        self._check_room(prompts, [most] * len(prompts))
        grammar = TextGrammar(self.speaker.vocabulary, words.end, most, words.unsaid)
        before = batch.ids_BX.shape[1]
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            torch.manual_seed(search.seed)
            ids_BL: Any = self.speaker.base.model.generate(
                input_ids=batch.ids_BX,
                attention_mask=batch.seen_BX.long(),
                generation_config=generation_config(search, words.end, words.padding, most),
                logits_processor=[logits_processor(grammar, before, words.end)],
            )
        return [words.said(ids) for ids in ids_BL[:, before:].tolist()]

    def _known_codes(self, motions: Sequence[np.ndarray], given: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Codes (S, R) of motions, known of the given frames alone, which alone have to be finite; where none
        is given they say nothing."""
        told = [_told(*each) for each in zip(motions, given, strict=True)]
        for motion_TD in told:
            self.check(motion_TD)
        known = [
            interpolated(motion_TD, given_T) if given_T.any() else motion_TD
            for motion_TD, given_T in zip(told, given, strict=True)
        ]
        return encode_clips(self.tokenizer, [motion_TD.astype(np.float32) for motion_TD in known])


def _likeliest(
    drawn: list[np.ndarray], count: int, surprise_of: Callable[[], np.ndarray]
) -> list[np.ndarray]:
    """Of the motions (S, R) drawn for each of some questions, all questions' first ones first, the ones that
    surprise least."""
    if len(drawn) == count:
        return drawn
    best = surprise_of().reshape(-1, count).argmin(axis=0)
    return [drawn[draw * count + place] for place, draw in enumerate(best.tolist())]


def _leads_to_given(given_S: np.ndarray) -> bool:
    """Whether something that is made stands in front of something that is given."""
    return bool((~given_S[:-1] & given_S[1:]).any())


def control_task(given_S: np.ndarray) -> Task:
    """The task that gives a motion with its text these tokens."""
    places = np.flatnonzero(given_S).tolist()
    if not places:
        return TASKS["text-to-motion"]
    if places == [0]:
        return TASKS["initial-pose"]
    return TASKS["last-pose" if places == [len(given_S) - 1] else "key-poses"]


def completion_task(given_S: np.ndarray) -> Task:
    """The task that completes a motion of which these tokens are given: of its beginning, or of any."""
    count = int(given_S.sum())
    return TASKS["prediction" if given_S[:count].all() and 0 < count < len(given_S) else "in-betweening"]


def _told(motion_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """The motion with 0 in place of what is not given."""
    told_TD = motion_TD.copy()
    told_TD[~given_T] = 0.0
    return told_TD


def _forced(codes_SR: np.ndarray, given_S: np.ndarray) -> np.ndarray:
    return np.where(given_S[:, None], codes_SR, FREE)
