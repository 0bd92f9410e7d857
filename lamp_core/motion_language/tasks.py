"""The tasks of a motion language model: what is given, and what is answered (MotionGPT-2, section IV-C).

Shapes: S motion tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Draws = np.random.Generator
Given = Callable[[int, "Shares", Draws], np.ndarray]
"""The number of motion tokens, shares and draws to the tokens that are told, bool (S,)."""


@dataclass(frozen=True)
class Shares:
    """How much of a motion the tasks tell.

    Args:
        predicted_from: share of the tokens that a prediction goes on from.
        masked_between: share of the tokens that in-betweening fills in.
        key_poses: most poses of the task of key poses.
    """

    predicted_from: float = 0.2
    masked_between: float = 0.5
    key_poses: int = 3


def none_given(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """No token."""
    return np.zeros(tokens, dtype=bool)


def all_given(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """Every token."""
    return np.ones(tokens, dtype=bool)


def first_pose(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """The first token."""
    return np.arange(tokens) < 1


def last_pose(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """The last token."""
    return np.arange(tokens) >= tokens - 1


def key_poses(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """Some tokens at random, one at least."""
    count = int(draws.integers(1, min(shares.key_poses, tokens) + 1))
    return _at_random(tokens, count, draws)


def beginning(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """The first tokens, one at least, and never all of several."""
    return np.arange(tokens) < _some(tokens, shares.predicted_from)


def all_but_some(tokens: int, shares: Shares, draws: Draws) -> np.ndarray:
    """All but tokens at random, some of both where there are several."""
    return ~_at_random(tokens, _some(tokens, shares.masked_between), draws)


def _some(tokens: int, share: float) -> int:
    return min(max(1, round(share * tokens)), max(1, tokens - 1))


def _at_random(tokens: int, count: int, draws: Draws) -> np.ndarray:
    chosen_S = np.zeros(tokens, dtype=bool)
    chosen_S[draws.permutation(tokens)[:count]] = True
    return chosen_S


def most_told(task: "Task", tokens: int, shares: Shares, length_every: int) -> np.ndarray:
    """Return the tokens, bool (S,), that a task can tell in the most words.

    What is told of a motion that says its length on the way stands in whole stretches, so that poses in
    different stretches take the most words.
    """
    if task.given is not key_poses:
        return task.given(tokens, shares, np.random.default_rng(0))
    every = length_every or tokens
    order = sorted(range(tokens), key=lambda token: (token % every, token))
    return np.isin(np.arange(tokens), order[: min(shares.key_poses, tokens)])


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        name: in prompt files, and with underscores in the parameters.
        answer: ``motion``, always the whole one, what was told of it included; or ``text``.
        given: which motion tokens are told.
        reads_text: whether a caption is given.
        shows_gaps: whether a word stands for every token that is not told.
    """

    name: str
    answer: Literal["motion", "text"]
    given: Given
    reads_text: bool = True
    shows_gaps: bool = False

    @property
    def key(self) -> str:
        """In the parameters."""
        return self.name.replace("-", "_")

    @property
    def shows_motion(self) -> bool:
        """Whether motion stands in the instruction."""
        return self.given is not none_given


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("text-to-motion", "motion", none_given),
        Task("initial-pose", "motion", first_pose),
        Task("last-pose", "motion", last_pose),
        Task("key-poses", "motion", key_poses),
        Task("captioning", "text", all_given, reads_text=False),
        Task("prediction", "motion", beginning, reads_text=False),
        Task("in-betweening", "motion", all_but_some, reads_text=False, shows_gaps=True),
    )
}
