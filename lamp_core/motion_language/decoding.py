"""Answers of a motion language model: batches of unequal instructions, word by word, with a cache.

The logits are computed for the words that the grammar may allow, and no others, which is most of the work
where the vocabulary is large. Draws of a row depend on the seed and on the row's own number alone, so that a
batch answers as its instructions do one by one.
Shapes: B batch, X words of the padded instructions, L words of the answers, N words that are looked at, V
vocabulary.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.errors import LampError
from lamp_core.motion_language.folder import positions_of
from lamp_core.motion_language.grammar import Grammar
from lamp_core.motion_language.vocabulary import MotionVocabulary
from lamp_core.segments import Segment, SegmentBatch, collate


@dataclass(frozen=True)
class Sampling:
    """How a word is chosen among those that are allowed.

    Args:
        temperature: of the distribution; 0 always takes the likeliest word.
        top_p: share of the distribution that is drawn from, the likeliest words.
        seed: of the draws.
        guidance: s of u + s (c - u), where c are logits behind an instruction and u those behind one without
            its text; 1 is the instruction alone.

    Raises:
        LampError: a value out of its range.
    """

    temperature: float = 1.0
    top_p: float = 0.9
    seed: int = 0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise LampError(f"the temperature {self.temperature:g} is below 0")
        if not 0 < self.top_p <= 1:
            raise LampError(f"top_p {self.top_p:g} is no share; it lies above 0 and is at most 1")
        if self.guidance < 0:
            raise LampError(f"the guidance {self.guidance:g} is below 0")


GREEDY = Sampling(temperature=0.0)


@torch.no_grad()
def answer(
    language: Any,
    prompts: Sequence[Sequence[Segment]],
    grammar: Grammar,
    padding: int,
    sampling: Sampling = GREEDY,
    rows: Sequence[int] | None = None,
    untold: Sequence[Sequence[Segment]] = (),
) -> list[list[int]]:
    """Return the words of an answer to each instruction, up to where it is whole.

    Args:
        language: causal model of transformers, with an adapter or without, in evaluation mode.
        prompts: instructions, without soft tokens.
        grammar: a row a prompt.
        padding: word that stands where nothing is.
        sampling: how a word is chosen.
        rows: numbers of the rows, which their draws depend on; 0, 1, 2 ... without it.
        untold: the same instructions without their texts, for a guidance other than 1; none for no guidance.
    """
    device = next(language.parameters()).device
    is_guided = bool(untold) and sampling.guidance != 1
    batch = collate([*prompts, *untold] if is_guided else prompts, padding, side="left").to(device)
    draws = _draws(rows if rows is not None else range(len(prompts)), grammar.longest, sampling)
    answer_BL = batch.ids_BX.new_zeros(len(prompts), 0)
    allowed_BN, is_whole_B = grammar.allowed(answer_BL)
    first = grammar.block[0]
    lengths = [0] * len(prompts)
    with block_head(language, grammar.block) as is_block:
        steps = _Steps(language, batch, grammar.longest)
        for place in range(grammar.longest):
            logits_BV = steps.logits()
            logits_BN = (logits_BV if is_block else logits_BV[:, slice(*grammar.block)]).float()
            if is_guided:
                told_BN, untold_BN = logits_BN.chunk(2)
                logits_BN = untold_BN.lerp(told_BN, sampling.guidance)
            chosen_B = choose(logits_BN, allowed_BN, sampling, draws[:, place]) + first
            answer_BL = torch.cat([answer_BL, chosen_B[:, None]], dim=1)
            before_B, (allowed_BN, is_whole_B) = is_whole_B, grammar.allowed(answer_BL)
            for row in torch.nonzero(is_whole_B & ~before_B).flatten().tolist():
                lengths[row] = place + 1
            if bool(is_whole_B.all()):
                break
            steps.say(chosen_B.repeat(2) if is_guided else chosen_B)
    return [ids[:count] for ids, count in zip(answer_BL.tolist(), lengths, strict=True)]


@torch.no_grad()
def length_distribution(
    language: Any, prompts: Sequence[Sequence[Segment]], vocabulary: MotionVocabulary, padding: int
) -> Tensor:
    """Return float32 (B, S) on the CPU: how likely each length in motion tokens is.

    Args:
        language: in evaluation mode.
        prompts: up to the word that begins a motion.
        vocabulary: whose words of length are looked at, from one token on.
        padding: word that stands where nothing is.
    """
    batch = collate(prompts, padding, side="left").to(next(language.parameters()).device)
    logits_BV = _Steps(language, batch, 0).logits()
    first = vocabulary.first_length
    return logits_BV[:, first : first + vocabulary.max_tokens].float().softmax(dim=-1).cpu()


class _Steps:
    """The model behind its instructions, a word a step.

    Args:
        language: the model.
        batch: padded on the left.
        longest: words that are said at most.
    """

    def __init__(self, language: Any, batch: SegmentBatch, longest: int) -> None:
        self.language = language
        base = language.get_base_model() if hasattr(language, "get_base_model") else language
        self._known = inspect.signature(base.forward).parameters
        self._seen_BX = torch.cat([batch.seen_BX, batch.seen_BX.new_ones(len(batch), longest)], dim=1).long()
        self._ids_BX, self._positions_BX = batch.ids_BX, batch.positions_BX
        self._last = (positions_of(language) or sys.maxsize) - 1
        self._cache: Any = None
        self._done = 0

    def logits(self) -> Tensor:
        """Of the next word, (B, V)."""
        self._done += self._ids_BX.shape[1]
        told = {"position_ids": self._positions_BX, "logits_to_keep": 1}
        output = self.language(
            input_ids=self._ids_BX,
            attention_mask=self._seen_BX[:, : self._done],
            past_key_values=self._cache,
            use_cache=True,
            **{name: value for name, value in told.items() if name in self._known},
        )
        self._cache = output.past_key_values
        logits_BV: Tensor = output.logits[:, -1]
        return logits_BV

    def say(self, words_B: Tensor) -> None:
        """Go on behind a word of each row; a row that is whole may stay at the last position."""
        self._ids_BX = words_B[:, None]
        self._positions_BX = (self._positions_BX[:, -1:] + 1).clamp(max=self._last)


def choose(logits_BN: Tensor, allowed_BN: Tensor, sampling: Sampling, draws_B: np.ndarray) -> Tensor:
    """Return one of the allowed words of each row, counted from the block's first, (B,).

    Args:
        logits_BN: float32.
        allowed_BN: at least one a row.
        sampling: how.
        draws_B: a number from 0 to 1 a row, which says which share of the distribution is passed.
    """
    logits_BN = logits_BN.masked_fill(~allowed_BN, float("-inf"))
    if sampling.temperature == 0:
        return logits_BN.argmax(dim=-1)
    ordered_BN, words_BN = (logits_BN / sampling.temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    passed_BN = ordered_BN.cumsum(dim=-1)
    kept_BN = (passed_BN - ordered_BN < sampling.top_p) & (ordered_BN > 0)  # the likeliest always
    passed_BN = (ordered_BN * kept_BN).cumsum(dim=-1)
    reach_B1 = torch.from_numpy(draws_B).to(passed_BN)[:, None] * passed_BN[:, -1:]
    place_B1 = (passed_BN <= reach_B1).sum(dim=-1, keepdim=True)
    place_B1 = torch.minimum(place_B1, kept_BN.sum(dim=-1, keepdim=True) - 1)
    return words_BN.gather(1, place_B1).squeeze(1)


@contextmanager
def block_head(language: Any, block: tuple[int, int]) -> Iterator[bool]:
    """Inside, a plain model gives logits for the words of the block alone; says whether it does.

    A model with an adapter on its output is left as it is.
    """
    whole = language.get_output_embeddings()
    if type(whole) is not nn.Linear or block[1] - block[0] >= whole.out_features:
        yield False
        return
    rows = slice(*block)
    part = nn.Linear(whole.in_features, block[1] - block[0], bias=False, device="meta")
    part.weight = nn.Parameter(whole.weight[rows], requires_grad=False)
    if whole.bias is not None:
        part.bias = nn.Parameter(whole.bias[rows], requires_grad=False)
    language.set_output_embeddings(part)
    try:
        yield True
    finally:
        language.set_output_embeddings(whole)


def _draws(rows: Sequence[int] | range, places: int, sampling: Sampling) -> np.ndarray:
    """Numbers from 0 to 1, a row of its own generator."""
    if sampling.temperature == 0:
        return np.zeros((len(rows), places))
    return np.stack([np.random.default_rng([sampling.seed, row]).random(places) for row in rows])
