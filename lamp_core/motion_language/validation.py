"""What a motion language model is validated by: its loss, the perplexity of text, and what it answers.

Shapes: S motion tokens, R channels.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamp_core.motion_language.decoding import answer
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.grammar import MotionGrammar, TextGrammar
from lamp_core.motion_language.tasks import Draws, Shares, Task
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import (
    Segment,
    SegmentBatch,
    collate,
    right_tokens,
    token_losses,
)

VALIDATED_TOGETHER = 32


@torch.no_grad()
def losses_of(
    logits_of: Callable[[SegmentBatch], Tensor],
    sequences: Sequence[list[Segment]],
    padding: int,
    device: torch.device,
) -> tuple[float, float]:
    """Return the mean cross entropy of a predicted word of all sequences, and the share of right ones.

    Args:
        logits_of: what the model says of a batch (`next_token_logits`).
        sequences: at least one.
        padding: word that stands where nothing is.
        device: of the model.
    """
    total, right, count = 0.0, 0, 0
    ordered = sorted(sequences, key=length)
    for start in range(0, len(ordered), VALIDATED_TOGETHER):
        batch = collate(ordered[start : start + VALIDATED_TOGETHER], padding).to(device)
        logits_BLV = logits_of(batch)
        total += float(token_losses(logits_BLV, batch).sum())
        right += int(right_tokens(logits_BLV, batch))
        count += int(batch.counted_BL.sum())
    return total / count, right / count


@dataclass(frozen=True)
class Question:
    """A task that is put to the model, with an item that tells the right answer.

    Args:
        prompt: up to where the answer begins.
        is_text: whether the answer is text.
        item: of the val split.
        given_S: tokens that the prompt tells.
    """

    prompt: list[Segment]
    is_text: bool
    item: SpokenMotion
    given_S: np.ndarray


def question_of(task: Task, item: SpokenMotion, words: MotionWords, shares: Shares, draws: Draws) -> Question:
    """A task put with an item, its first caption and what the task tells of its motion."""
    given_S = task.given(len(item.codes_SR), shares, draws)
    prompt = words.prompt(task, item.captions[0], item.codes_SR, given_S)
    return Question(prompt, task.answer == "text", item, given_S)


def answers_to(language: Any, words: MotionWords, questions: Sequence[Question]) -> dict[str, float]:
    """Put questions of one task, take the likeliest words, and return how right the answers are.

    Of text: ``words``, the F1 of its words with those of the nearest caption. Of motion of the true length:
    ``codes``, the share of right codes where none was told, and ``kept``, the share of those that were told
    and stand in the answer, which nothing forces.
    """
    found: list[list[int]] = []
    for start in range(0, len(questions), VALIDATED_TOGETHER):
        batch = questions[start : start + VALIDATED_TOGETHER]
        prompts = [question.prompt for question in batch]
        if questions[0].is_text:
            grammar: TextGrammar | MotionGrammar = TextGrammar(
                words.vocabulary, words.end, words.max_text_tokens, words.unsaid
            )
        else:
            lengths = [len(question.item.codes_SR) for question in batch]
            grammar = MotionGrammar(words.vocabulary, lengths)
        found += answer(language, prompts, grammar, words.padding)
    if questions[0].is_text:
        said = [words.said(ids) for ids in found]
        scores = [
            max(word_f1(text, caption) for caption in question.item.captions)
            for text, question in zip(said, questions, strict=True)
        ]
        return {"words": float(np.mean(scores))}
    return _right_codes([words.codes(ids) for ids in found], questions)


def word_f1(one: str, other: str) -> float:
    """Share of words in common of two texts, each word as often as it stands in both."""
    counts = [Counter(text.lower().split()) for text in (one, other)]
    common = (counts[0] & counts[1]).total()
    return 2 * common / max(1, counts[0].total() + counts[1].total())


def _right_codes(codes: Sequence[np.ndarray], questions: Sequence[Question]) -> dict[str, float]:
    pairs = list(zip(codes, questions, strict=True))
    is_right_S = np.concatenate(
        [(made_SR == question.item.codes_SR).all(axis=1) for made_SR, question in pairs]
    )
    told_S = np.concatenate([question.given_S for question in questions])
    found = {"codes": float(is_right_S[~told_S].mean())} if (~told_S).any() else {}
    return found | ({"kept": float(is_right_S[told_S].mean())} if told_S.any() else {})
