"""Instructions and answers as words of the unified vocabulary.

An answer in motion is [``<motion>``, its length, codes, ``</motion>``, end], the channels of a token side by
side, or [``<motion_body>``, its length, codes, ``</motion_body>``, ``<motion_hands>``, codes,
``</motion_hands>``, end] where parts stand in blocks (`layout_of`). Motion in an instruction has no word of
length, unless lengths are said on the way.
Shapes: S motion tokens, R channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from lamp_core.errors import LampError
from lamp_core.motion_language.layout import layout_of
from lamp_core.motion_language.prompts import CAPTION, MOTION, load_template
from lamp_core.motion_language.tasks import Task
from lamp_core.motion_language.vocabulary import MotionVocabulary, text_pieces
from lamp_core.segments import Segment, delimiter, text

Spoken = list[Segment]
KEPT = 2**16
"""Texts whose word pieces stay in memory: those of a million captions would take a gigabyte."""


class MotionWords:
    """Texts and motions as word pieces.

    Args:
        text: tokenizer of transformers, extended by the vocabulary.
        vocabulary: the words of motion.
        prompts: name of the prompt file; empty where nothing is instructed yet.
        max_text_tokens: most word pieces of a caption, its end included; longer ones are cut.

    ``unsaid`` are the tokenizer's special words that no text has: padding, unknown, mask.

    Raises:
        LampError: the tokenizer has no word that ends a text, or there is no such prompt file.
    """

    def __init__(self, text: Any, vocabulary: MotionVocabulary, prompts: str, max_text_tokens: int) -> None:
        if text.eos_token_id is None:
            raise LampError("the language model's tokenizer has no token that ends a text; use another model")
        self.text, self.vocabulary, self.max_text_tokens = text, vocabulary, max_text_tokens
        self.end = int(text.eos_token_id)
        self.padding = self.end if text.pad_token_id is None else int(text.pad_token_id)
        self.begin = self.end if text.bos_token_id is None else int(text.bos_token_id)
        special = (int(word) for word in text.all_special_ids)
        self.unsaid = tuple(word for word in special if word < vocabulary.first and word != self.end)
        self.prompts = prompts
        self._template = load_template(prompts) if prompts else None
        self._pieces: dict[str, tuple[int, ...]] = {}

    def begins(self) -> Segment:
        """What every sequence begins with."""
        return delimiter(self.begin)

    def ends(self, *, is_predicted: bool = True) -> Segment:
        """What every answer ends with."""
        return delimiter(self.end, is_predicted=is_predicted)

    def motion_begins(self) -> Segment:
        """The word that a motion begins with, behind which its length is said."""
        return delimiter(self.vocabulary.opens[0])

    def caption(self, caption: str, *, is_predicted: bool = False) -> Segment:
        """A caption as it goes on from a text, cut so that its end has room."""
        ids = self.pieces(_going_on(caption))[: self.max_text_tokens - 1]
        return text(ids, is_predicted=is_predicted)

    def pieces(self, said: str) -> tuple[int, ...]:
        """Word pieces of a text; those of the last `KEPT` texts are kept."""
        if said not in self._pieces:
            if len(self._pieces) == KEPT:
                del self._pieces[next(iter(self._pieces))]
            self._pieces[said] = tuple(text_pieces(self.text, [said])[0])
        return self._pieces[said]

    def longest_caption(self, captions: Sequence[str]) -> str:
        """The caption of the most word pieces; they are not kept.

        Raises:
            ValueError: there is none.
        """
        found = text_pieces(self.text, [_going_on(caption) for caption in captions])
        return captions[max(range(len(captions)), key=lambda place: len(found[place]))]

    def described(self, caption: str | None, of_parts: Mapping[str, str]) -> Spoken:
        """A caption of the whole body, if there is one, and behind it what parts of it do.

        Raises:
            LampError: the prompt file does not say how parts are told of.
        """
        assert self._template is not None
        found: Spoken = [] if caption is None else [self.caption(caption)]
        for part, said in of_parts.items():
            before, behind = self._template.around_part(part)
            found += [self._text(f" {before}"), self.caption(said), self._text(behind)]
        return found

    def prompt(
        self,
        task: Task,
        caption: str | None = None,
        codes_SR: np.ndarray | None = None,
        given_S: np.ndarray | None = None,
        of_parts: Mapping[str, str] | None = None,
    ) -> Spoken:
        """The instruction of a task, up to where its answer begins.

        Args:
            task: what is asked.
            caption: of a task that reads text; None where parts alone are told of.
            codes_SR: of a task that shows motion.
            given_S: which tokens of the motion are told.
            of_parts: what parts of the body do, by their names.
        """
        assert self._template is not None
        found: Spoken = [self.begins()]
        for part in self._template.parts(task):
            if part == CAPTION:
                assert caption is not None or of_parts
                found += self.described(caption, of_parts or {})
            elif part == MOTION:
                assert codes_SR is not None and given_S is not None
                found.append(self.told(codes_SR, given_S, shows_gaps=task.shows_gaps))
            else:
                found.append(self._text(part))
        return [part for part in found if part.ids]

    def told(self, codes_SR: np.ndarray, given_S: np.ndarray, *, shows_gaps: bool) -> Segment:
        """Motion tokens in an instruction: those that are given, a word for each of the others or none.

        Where a motion says its length on the way (``length_every``), so does this: stretches that hold
        something given stand whole, so that the place of each given token is known.
        """
        known, ids_SR = self.vocabulary, self._ids(codes_SR)
        shown = np.flatnonzero(_shown(given_S, known.length_every, shows_gaps=shows_gaps)).tolist()
        said: list[int] = []
        for part, (opens, closes) in enumerate(zip(known.opens, known.closes, strict=True)):
            ids_SK = (ids_SR if known.layout == "interleaved" else ids_SR[:, part : part + 1]).tolist()
            said.append(opens)
            for token in shown:
                if known.length_every and token % known.length_every == 0:
                    said.append(known.length(len(given_S) - token))
                said += ids_SK[token] if given_S[token] else [known.untold]
            said.append(closes)
        return Segment("motion", tuple(said))

    def motion(self, codes_SR: np.ndarray, *, is_predicted: bool = True) -> Segment:
        """A whole motion as an answer.

        Raises:
            ValueError: it has no token, or more than there are words of length.
        """
        known, tokens = self.vocabulary, len(codes_SR)
        if not 1 <= tokens <= known.max_tokens:
            raise ValueError(f"a motion of {tokens} tokens; known are 1 to {known.max_tokens}")
        behind_P = layout_of(known, tokens).written(self._ids(codes_SR))
        return Segment("motion", (known.opens[0], *behind_P.tolist()), is_predicted)

    def weighed(self, codes_SR: np.ndarray, given_S: np.ndarray) -> Spoken:
        """A motion as an answer of which the given tokens alone are predicted.

        Raises:
            ValueError: as `motion`.
        """
        whole, tokens_P = self.motion(codes_SR), layout_of(self.vocabulary, len(codes_SR)).tokens_P
        is_given_P = (tokens_P >= 0) & given_S[tokens_P]
        ids = zip(whole.ids, (False, *is_given_P.tolist()), strict=True)
        return [
            Segment("motion", tuple(word for word, _ in run), is_given)
            for is_given, run in groupby(ids, key=itemgetter(1))
        ]

    def example(
        self,
        task: Task,
        caption: str | None,
        codes_SR: np.ndarray,
        given_S: np.ndarray,
        *,
        whole: bool = False,
        of_parts: Mapping[str, str] | None = None,
    ) -> Spoken:
        """An instruction with its answer, of which the answer is predicted.

        Args:
            task: what is asked.
            caption: of the motion; the answer of a task that answers in text; None as in `prompt`.
            codes_SR: of the motion.
            given_S: which tokens are told.
            whole: the instruction is predicted too.
            of_parts: as in `prompt`.
        """
        asked = self.prompt(task, caption, codes_SR, given_S, of_parts)
        is_text = task.answer == "text"
        answer = self.caption(caption or "", is_predicted=True) if is_text else self.motion(codes_SR)
        return predicted_whole([*asked, answer, self.ends()]) if whole else [*asked, answer, self.ends()]

    def codes(self, ids: Sequence[int]) -> np.ndarray:
        """The codes (S, R) of a motion that the grammar let through, int64."""
        known = self.vocabulary
        first = known.first_ids_R[0]
        spoken = np.array([word for word in ids if first <= word < known.end], dtype=np.int64)
        count = len(known.channels)
        is_side_by_side = known.layout == "interleaved"
        ids_SR = spoken.reshape(-1, count) if is_side_by_side else spoken.reshape(count, -1).T
        codes_SR: np.ndarray = ids_SR - np.asarray(known.first_ids_R)
        return codes_SR

    def said(self, ids: Sequence[int]) -> str:
        """The text of word pieces before the end, words of motion left out."""
        words = list(ids)
        if self.end in words:
            words = words[: words.index(self.end)]
        return " ".join(str(self.text.decode(words, skip_special_tokens=True)).split())

    def _text(self, said: str) -> Segment:
        """Words of a prompt; a space at its end goes with what follows."""
        return text(self.pieces(said.rstrip(" ")))

    def _ids(self, codes_SR: np.ndarray) -> np.ndarray:
        ids_SR: np.ndarray = codes_SR.astype(np.int64) + np.asarray(self.vocabulary.first_ids_R)
        return ids_SR


def _going_on(caption: str) -> str:
    """A caption as it goes on from a text."""
    return f" {caption.strip()}"


def _shown(given_S: np.ndarray, length_every: int, *, shows_gaps: bool) -> np.ndarray:
    """Which tokens stand in an instruction, as themselves or as a gap, bool (S,)."""
    if shows_gaps:
        return np.ones_like(given_S)
    if not length_every:
        return given_S
    starts = np.arange(0, len(given_S), length_every)
    any_given = np.logical_or.reduceat(given_S, starts)
    return np.repeat(any_given, length_every)[: len(given_S)]


def predicted_whole(parts: Spoken) -> Spoken:
    """A sequence of which all but its begin is predicted."""
    return [parts[0], *(replace(part, is_predicted=True) for part in parts[1:])]


def length(parts: Sequence[Segment]) -> int:
    """How many words a sequence has."""
    return sum(len(part.ids) for part in parts)
