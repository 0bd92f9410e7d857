"""What a motion language model may say next, so that every answer can be decoded.

An answer in motion follows one path (`layout_of`): the delimiter, a word of length, codes of the channels in
turn, the delimiter, the end. The length is the one that was asked for, or the model's own; poses may be
forced at their places. Some word is allowed at every place of the path, so that there is never a dead end.
Shapes: B batch, L words of the answer so far, N words that are looked at, S motion tokens, R channels, P
places of an answer behind its length.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.motion_language.layout import FREE, Layout, layout_of
from lamp_core.motion_language.vocabulary import MotionVocabulary


class Grammar(Protocol):
    """What may come next."""

    @property
    def block(self) -> tuple[int, int]:
        """First word that is ever allowed before the end of the answer, and the word behind the last."""

    @property
    def longest(self) -> int:
        """Most words of an answer."""

    def allowed(self, answer_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Which words of the block may come next, bool (B, N), and which answers are whole, bool (B,)."""


class TextGrammar:
    """Words of the language model's own vocabulary, one at least, until its end.

    Args:
        vocabulary: whose words of motion are not allowed.
        end: the word that ends a text.
        longest: most words of an answer, its end included.
        unsaid: words that say nothing, such as padding; never allowed.
    """

    def __init__(
        self, vocabulary: MotionVocabulary, end: int, longest: int, unsaid: Sequence[int] = ()
    ) -> None:
        self.block, self.end, self.longest = (0, vocabulary.first), end, longest
        self.unsaid = list(unsaid)

    def allowed(self, answer_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Every word of text; an answer is whole behind its end, which alone may be the last word, and is not
        the first one where there is room for another."""
        allowed_BN = torch.ones(len(answer_BL), self.block[1], dtype=torch.bool, device=answer_BL.device)
        allowed_BN[:, self.unsaid] = False
        if answer_BL.shape[1] >= self.longest - 1:
            allowed_BN[:] = False
        allowed_BN[:, self.end] = answer_BL.shape[1] > 0 or self.longest == 1
        return allowed_BN, (answer_BL == self.end).any(dim=1)


class MotionGrammar:
    """Answers in motion, one a row.

    Args:
        vocabulary: its words.
        lengths: motion tokens that are asked for; None leaves one to the model.
        forced: codes (S, R) that must stand at their places, `FREE` elsewhere; None forces nothing. An array
            may be shorter than the motion.

    Raises:
        LampError: a length, or a place of a forced code, that no motion has.
        ValueError: a forced code that its channel does not have.
    """

    def __init__(
        self,
        vocabulary: MotionVocabulary,
        lengths: Sequence[int | None],
        forced: Sequence[np.ndarray | None] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.lengths = list(lengths)
        self.forced = list(forced) if forced is not None else [None] * len(self.lengths)
        self.shortest = [_tokens_forced(codes_SR) for codes_SR in self.forced]
        for tokens, least in zip(self.lengths, self.shortest, strict=True):
            _check_length(tokens, least, vocabulary.max_tokens)
        for codes_SR in self.forced:
            _check_codes(codes_SR, vocabulary)
        self._paths = lru_cache(maxsize=4)(self._paths_of)

    @property
    def block(self) -> tuple[int, int]:
        """All words of motion."""
        return self.vocabulary.first, self.vocabulary.end

    @property
    def longest(self) -> int:
        """Words of the longest motion that may come."""
        most = max(tokens or self.vocabulary.max_tokens for tokens in self.lengths)
        return 1 + len(layout_of(self.vocabulary, most).words_P)

    def allowed(self, answer_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Which words may come next, and which motions are whole; those allow their last delimiter."""
        known, place = self.vocabulary, answer_BL.shape[1]
        if place == 0:
            low_B = torch.full((len(answer_BL),), known.opens[0])
            high_B = low_B + 1
        elif place == 1:
            low_B, high_B = self._length_words(len(answer_BL))
        else:
            spoken = (answer_BL[:, 1] - known.first_length + 1).tolist()
            low_BP, high_BP = self._paths(tuple(spoken))
            low_B, high_B = (_at(ends_BP, place - 2) for ends_BP in (low_BP, high_BP))
        is_whole_B = high_B == FREE
        last = known.closes[-1]
        low_B, high_B = low_B.masked_fill(is_whole_B, last), high_B.masked_fill(is_whole_B, last + 1)
        words_N = torch.arange(*self.block)
        allowed_BN = (words_N >= low_B[:, None]) & (words_N < high_B[:, None])
        return allowed_BN.to(answer_BL.device), is_whole_B.to(answer_BL.device)

    def _length_words(self, rows: int) -> tuple[Tensor, Tensor]:
        """First and last word of length that each row may say."""
        first, most = self.vocabulary.first_length - 1, self.vocabulary.max_tokens
        each = rows // len(self.lengths)
        low = [first + (tokens or max(least, 1)) for tokens, least in self._asked for _ in range(each)]
        high = [first + (tokens or most) + 1 for tokens, _ in self._asked for _ in range(each)]
        return torch.tensor(low), torch.tensor(high)

    @property
    def _asked(self) -> list[tuple[int | None, int]]:
        return list(zip(self.lengths, self.shortest, strict=True))

    def _paths_of(self, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """First word and word behind the last at every place behind the length, (B, P); FREE where over."""
        each = len(lengths) // len(self.lengths)
        rows = [self._path(row // each, tokens) for row, tokens in enumerate(lengths)]
        longest = max(map(len, rows))
        ends_BP2 = np.full((len(rows), longest, 2), FREE)
        for row, path_P2 in enumerate(rows):
            ends_BP2[row, : len(path_P2)] = path_P2
        low_BP, high_BP = torch.from_numpy(ends_BP2).unbind(dim=2)
        return low_BP, high_BP

    def _path(self, row: int, tokens: int) -> np.ndarray:
        """(P, 2) of one row, its forced codes put in."""
        known, layout = self.vocabulary, layout_of(self.vocabulary, tokens)
        low_P, high_P = layout.words_P.copy(), layout.words_P + 1
        is_code_P = layout.words_P == FREE
        firsts_R = np.array(known.first_ids_R)
        sizes_R = np.array([channel.codebook_size for channel in known.channels])
        low_P[is_code_P] = firsts_R[layout.channels_P[is_code_P]]
        high_P[is_code_P] = low_P[is_code_P] + sizes_R[layout.channels_P[is_code_P]]
        if (codes_SR := self.forced[row]) is not None:
            forced_P = _forced_at(layout, codes_SR)
            low_P = np.where(forced_P == FREE, low_P, low_P + forced_P)
            high_P = np.where(forced_P == FREE, high_P, low_P + 1)
        return np.stack([low_P, high_P], axis=1)[1:]  # behind the first word of length


def _forced_at(layout: Layout, codes_SR: np.ndarray) -> np.ndarray:
    """The code (P,) that is forced at every place; FREE where none is."""
    forced_P = np.full(len(layout.words_P), FREE)
    is_in_P = (layout.tokens_P >= 0) & (layout.tokens_P < len(codes_SR))
    forced_P[is_in_P] = codes_SR[layout.tokens_P[is_in_P], layout.channels_P[is_in_P]]
    return forced_P


def logits_processor(grammar: Grammar, prompt_words: int, end: int) -> Any:
    """The grammar for ``transformers.generate``: whole answers go on with the end alone.

    Args:
        grammar: a row a prompt; beams of a prompt stand side by side.
        prompt_words: words of the padded prompts.
        end: word that ends an answer.
    """
    from transformers import LogitsProcessor

    class GrammarProcessor(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            first, last = grammar.block
            allowed_BN, is_whole_B = grammar.allowed(input_ids[:, prompt_words:])
            allowed_BV = torch.zeros_like(scores, dtype=torch.bool)
            allowed_BV[:, first:last] = allowed_BN & ~is_whole_B[:, None]
            allowed_BV[is_whole_B, end] = True
            return scores.masked_fill(~allowed_BV, float("-inf"))

    return GrammarProcessor()


def _at(ends_BP: Tensor, place: int) -> Tensor:
    return ends_BP[:, place] if place < ends_BP.shape[1] else torch.full((len(ends_BP),), FREE)


def _tokens_forced(codes_SR: np.ndarray | None) -> int:
    """How long a motion must be for all forced codes to have a place."""
    if codes_SR is None:
        return 0
    places = np.flatnonzero((codes_SR != FREE).any(axis=1))
    return int(places[-1]) + 1 if len(places) else 0


def _check_length(tokens: int | None, least: int, most: int) -> None:
    if tokens is not None and not 1 <= tokens <= most:
        raise LampError(f"a motion of {tokens} tokens was asked for; the model makes 1 to {most}")
    if least > (tokens or most):
        raise LampError(f"a pose is given for token {least} of a motion of {tokens or most} tokens")


def _check_codes(codes_SR: np.ndarray | None, vocabulary: MotionVocabulary) -> None:
    if codes_SR is None:
        return
    sizes_R = np.array([channel.codebook_size for channel in vocabulary.channels])
    if codes_SR.ndim != 2 or codes_SR.shape[1] != len(sizes_R):
        raise ValueError(f"forced codes of shape {codes_SR.shape} are not those of {len(sizes_R)} channels")
    if ((codes_SR < FREE) | (codes_SR >= sizes_R)).any():
        raise ValueError("a forced code is none of its channel")
