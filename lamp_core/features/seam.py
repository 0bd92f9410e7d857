"""Where made motion meets given motion: the new frames take over the difference at the border.

The tokenizer reconstructs the given motion otherwise than it is, so given frames that come back as they are
do not fit the made ones beside them. The made frames take over the difference at the border, and the
difference of its speed, and let go of both within a few frames. Features hold the root's velocities, so that
place and heading go on from border to border by themselves.

Shapes: T frames, F new frames, D feature numbers a frame.
"""

from itertools import pairwise

import numpy as np

from lamp_core.features.layout import FeatureLayout

BLEND_FRAMES = 8
"""Frames in which new ones let go of the difference at a border: two tokens."""
BORDER = 2
"""Frames up to a border that tell its place and its speed."""


def lead_over(
    new_FD: np.ndarray,
    before: tuple[np.ndarray, np.ndarray] | None,
    after: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Return new frames that go on from the given ones at one border or at both.

    Args:
        new_FD: as the tokenizer made them.
        before: the last two frames in front, as they are given and as the tokenizer makes them; None where
            nothing is given.
        after: the first two frames behind, in the same way.
    """
    led_FD = new_FD.copy()
    borders = (before is not None) + (after is not None)
    blended = min(BLEND_FRAMES, len(new_FD) // max(borders, 1))
    if before is not None:
        led_FD[:blended] += _taken_over(*before, blended)
    if after is not None:
        given_2D, made_2D = after
        led_FD[len(led_FD) - blended :] += _taken_over(given_2D[::-1], made_2D[::-1], blended)[::-1]
    return led_FD


def led_over(true_TD: np.ndarray, made_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """Return the given frames as they are and the others as they were made, led over at each border.

    Given frames stand in whole tokens, so there are two at least up to every border.
    """
    result_TD = np.where(given_T[:, None], true_TD, made_TD).astype(np.float32)
    borders = np.flatnonzero(np.diff(given_T)) + 1
    for start, end in pairwise([0, *borders, len(given_T)]):
        if given_T[start]:
            continue
        before, after = slice(start - BORDER, start), slice(end, end + BORDER)
        result_TD[start:end] = lead_over(
            made_TD[start:end],
            (true_TD[before], made_TD[before]) if start > 0 else None,
            (true_TD[after], made_TD[after]) if end < len(given_T) else None,
        )
    return result_TD


def _taken_over(given_2D: np.ndarray, made_2D: np.ndarray, frames: int) -> np.ndarray:
    """Return what the frames behind a border take over of the difference there, (frames, D).

    A cubic that starts with its value and its slope and ends with neither. Contacts are yes or no and take
    over nothing.

    Args:
        given_2D: the last two frames up to the border as they are given.
        made_2D: the same as the tokenizer makes them.
        frames: until nothing is left.
    """
    earlier_D, last_D = given_2D - made_2D
    share = np.arange(1, frames + 1)[:, None] / (frames + 1)
    value, slope = (1 + 2 * share) * (1 - share) ** 2, share * (1 - share) ** 2
    difference_FD: np.ndarray = value * last_D + slope * (frames + 1) * (last_D - earlier_D)
    difference_FD[:, FeatureLayout.of_width(len(last_D))["contacts"]] = 0.0
    return difference_FD
